// What the address of a page says of the view: in the dashboard Python reads and writes it, elsewhere this does.

const NAMES = ["model", "compareWith", "view", "mirror", "inputSize", "targetFps"];

/** The settings that an address's `search` asks for. */
export function settingsIn(search) {
    const asked = new URLSearchParams(search);
    const known = NAMES.filter((name) => asked.has(name)).map((name) => [name, asked.get(name)]);
    return { ...Object.fromEntries(known), clean: asked.get("clean") === "1" };
}

/** The `search` with what the viewer chose. */
export function searchWith(chosen, search) {
    const asked = new URLSearchParams(search);
    for (const name of NAMES) if (name in chosen) asked.set(name, chosen[name]);
    return `?${asked}`;
}
