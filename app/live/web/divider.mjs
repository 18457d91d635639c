// Where the two pictures of the split view meet: moved by the pointer and by keys.

const KEYS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };
const ENDS = { Home: 0, End: 1 };

export class Divider {
    /** @param {AbortSignal} signal ends the listening */
    constructor(ui, session, signal) {
        Object.assign(this, { ui, session, settings: session.settings, redrawing: null });
        ui.stage.addEventListener("pointerdown", (event) => this.#drag(event), { signal });
        ui.handle.addEventListener("keydown", (event) => this.#key(event), { signal });
    }

    show() {
        const { ui, session, settings } = this;
        ui.handle.hidden = !(session.isShowing && settings.view === "split");
        ui.handle.style.left = `${100 * settings.split}%`;
        ui.handle.setAttribute("aria-valuenow", String(Math.round(100 * settings.split)));
    }

    #drag(event) {
        if (event.target.closest("button, input, a") || this.settings.view !== "split" || !this.session.engine) return;
        const { stage } = this.ui;
        const follow = ({ clientX }) => {
            const { left, width } = stage.getBoundingClientRect();
            this.#move((clientX - left) / width);
        };
        const over = new AbortController();
        stage.setPointerCapture(event.pointerId);
        stage.addEventListener("pointermove", follow, { signal: over.signal });
        for (const end of ["pointerup", "pointercancel"]) {
            stage.addEventListener(end, () => over.abort(), { signal: over.signal });
        }
        follow(event);
    }

    #key(event) {
        if (event.key in KEYS) this.#move(this.settings.split + KEYS[event.key]);
        else if (event.key in ENDS) this.#move(ENDS[event.key]);
        else return;
        event.preventDefault();
    }

    #move(split) {
        this.settings.split = Math.min(1, Math.max(0, split));
        this.show();
        if (this.redrawing) return; // a drag gives more positions than can be drawn: the newest wins
        this.redrawing = this.session.redraw().finally(() => {
            this.redrawing = null;
        });
    }
}
