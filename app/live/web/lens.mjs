// The lens: a part of the picture, enlarged where the pointer is.

const ZOOM = 4; // times at least
const MORE = 3; // times more than the picture is enlarged anyway
const STEP = 16; // pixels of a key press
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Lens {
    /** @param {AbortSignal} signal ends the listening */
    constructor(ui, session, signal) {
        Object.assign(this, { ui, session, at: { x: 0.5, y: 0.5 } });
        ui.stage.addEventListener("pointermove", (event) => this.#follow(event), { signal });
        ui.lens.addEventListener("keydown", (event) => this.#key(event), { signal });
    }

    show() {
        const { lens } = this.session.settings;
        this.ui.lensButton.setAttribute("aria-pressed", String(lens));
        this.ui.lens.hidden = !(this.session.isShowing && lens);
    }

    /** Enlarge what lies under it now. */
    paint() {
        const { engine, settings, mirrored } = this.session;
        if (!settings.lens || !engine?.last) return;
        const { lens, stage } = this.ui;
        const { canvas } = engine;
        const { x, y } = this.at;
        const side = lens.width / Math.max(ZOOM, (MORE * stage.clientWidth) / canvas.width);
        const context = lens.getContext("2d", { alpha: false });
        context.imageSmoothingEnabled = false;
        context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? lens.width : 0, 0);
        context.clearRect(0, 0, lens.width, lens.height);
        const column = (mirrored ? 1 - x : x) * canvas.width - side / 2;
        context.drawImage(canvas, column, y * canvas.height - side / 2, side, side, 0, 0, lens.width, lens.height);
        Object.assign(lens.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    }

    #follow({ clientX, clientY }) {
        const { left, top, width, height } = this.ui.stage.getBoundingClientRect();
        this.#move((clientX - left) / width, (clientY - top) / height);
    }

    #key(event) {
        const [across, down] = KEYS[event.key] ?? [];
        if (across === undefined) return;
        const { width, height } = this.ui.stage.getBoundingClientRect();
        this.#move(this.at.x + (across * STEP) / width, this.at.y + (down * STEP) / height);
        event.preventDefault();
    }

    #move(x, y) {
        this.at = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
        this.paint();
    }
}
