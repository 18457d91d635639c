// How it goes: in figures over the picture, and to whoever mounted the player.

const REPORT_MS = 2000;
const FIGURES_MS = 500;

export class Reporter {
    /**
     * @param {object} chosen the settings that the viewer chose: told, so that the page can remember them
     * @param {(state: object) => void} report is told what has changed, every 2 s at most
     * @param {AbortSignal} signal ends it
     */
    constructor(ui, { session, chosen, report, signal }) {
        Object.assign(this, { ui, session, chosen, report });
        this.told = JSON.stringify(this.#state());
        const timers = [setInterval(() => this.#tell(), REPORT_MS), setInterval(() => this.#showFigures(), FIGURES_MS)];
        signal.addEventListener("abort", () => timers.forEach(clearInterval));
    }

    /** The viewer's choices as they were told last. */
    get toldSettings() {
        return JSON.parse(this.told).settings;
    }

    #state() {
        const { window, engine, source, settings, error } = this.session;
        return {
            ...window.summary(performance.now()),
            backend: engine?.backend ?? null,
            threads: engine?.threads ?? null,
            input: engine?.last?.input ?? null,
            output: engine?.last?.output ?? null,
            model: settings.model,
            target_fps: settings.targetFps,
            source: source?.kind ?? null,
            settings: { ...this.chosen },
            error: error || null,
        };
    }

    #tell() {
        const state = this.#state();
        const told = JSON.stringify(state);
        if (told === this.told) return;
        this.told = told;
        this.report(state);
    }

    #showFigures() {
        const { engine, source, models } = this.session;
        if (!engine?.last || !source) return;
        const lines = figureLines({ ...this.#state(), title: models[0].title });
        const asLine = (text) => Object.assign(document.createElement("div"), { textContent: text });
        this.ui.figures.replaceChildren(...lines.map(asLine));
    }
}

/** The figures as lines of text. */
function figureLines({ fps, p50_ms, p95_ms, parts, dropped, backend, threads, input, output, title }) {
    const ms = (value) => (value === null ? "-" : value < 9.95 ? value.toFixed(1) : value.toFixed(0));
    return [
        `${title} · ${backend}${threads ? `, ${threads} thread${threads > 1 ? "s" : ""}` : ""}`,
        `${fps === null ? "-" : fps.toFixed(1)} fps · p50 ${ms(p50_ms)} ms · p95 ${ms(p95_ms)} ms · ${dropped} dropped`,
        Object.entries(parts)
            .map(([part, value]) => `${part} ${ms(value)}`)
            .join(" · "),
        `${input.join("x")} to ${output.join("x")}`,
    ];
}
