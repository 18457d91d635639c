// The controls over the picture: they fade while nobody moves, and most of them have a key.

const AWAKE_MS = 3000;
const TYPED_INTO = "input, select, textarea, button, summary, a, [contenteditable]"; // keys there mean something else
const KEYS = { " ": "pause", f: "fullscreen", i: "figuresButton", l: "lensButton", s: "snapshot", v: "film" };

export class Controls {
    /** @param {AbortSignal} signal ends the listening */
    constructor(ui, signal) {
        Object.assign(this, { ui, timer: null });
        for (const event of ["pointermove", "pointerdown", "focusin"]) {
            ui.theatre.addEventListener(event, () => this.wake(), { signal });
        }
        document.addEventListener("keydown", (event) => this.#key(event), { signal });
        signal.addEventListener("abort", () => clearTimeout(this.timer));
        this.wake();
    }

    /** Show them, for a while. */
    wake() {
        const { theatre } = this.ui;
        delete theatre.dataset.faded;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => (theatre.dataset.faded = ""), AWAKE_MS);
    }

    #key(event) {
        const button = this.ui[KEYS[event.key.toLowerCase()]];
        if (!button || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
        if (this.ui.bar.hidden || button.hidden || event.composedPath()[0].closest?.(TYPED_INTO)) return;
        event.preventDefault(); // a space would scroll
        this.wake();
        button.click();
    }
}
