// What the viewer takes home: pictures and a film, both made in the browser.

import { offer, setText } from "./markup.mjs";
import { NO_PICTURE, UserError, sentence } from "./messages.mjs";
import { withDuration } from "./webm.mjs";

const TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
const BITS_PER_SECOND = 12_000_000;
const CHUNK_MS = 1000;
const START_BYTES = 4096; // of a film, where it says what it is

/** The buttons for it, and the links to what was made. */
export class Recorder {
    /** @param {AbortSignal} signal ends the listening, and takes the links back */
    constructor(ui, session, signal) {
        Object.assign(this, { ui, session, signal, film: null });
        ui.snapshot.addEventListener("click", () => this.#snapshot(), { signal });
        ui.film.addEventListener("click", () => this.toggle(), { signal });
        signal.addEventListener("abort", () => offer(ui.kept, []));
    }

    get isFilming() {
        return Boolean(this.film);
    }

    /** A frame is on the canvas. */
    add() {
        if (!this.film) return;
        this.film.add(this.session.engine.canvas, this.session.mirrored);
        setText(this.ui.filmed, clock(this.film.seconds));
    }

    /** Begin a film, or end it. */
    toggle() {
        if (this.film) this.end();
        else this.#begin();
    }

    /** The film is over, if there is one. */
    async end() {
        const { film } = this;
        if (!film) return;
        this.film = null;
        this.#show();
        const blob = await film.end();
        const extension = blob.type === "video/mp4" ? "mp4" : "webm";
        if (!this.signal.aborted) offer(this.ui.kept, [{ title: "Film", name: fileName("film", extension), blob }]);
    }

    #begin() {
        if (!this.#hasPicture()) return;
        try {
            const { width, height } = this.session.engine.canvas;
            this.film = new Film({ width, height });
            this.#show();
        } catch (error) {
            this.session.say({ error: sentence(error) });
        }
    }

    async #snapshot() {
        if (!this.#hasPicture()) return;
        try {
            const { engine, models } = this.session;
            const [student, compared] = models;
            const pictures = await engine.call("pictures");
            const titles = { raw: "Raw", bicubic: "Bicubic", compared: compared?.title, student: student.title };
            const kept = Object.entries(titles).filter(([what]) => pictures[what]);
            const files = kept.map(([what, title]) => ({ title, name: fileName(what, "png"), blob: pictures[what] }));
            offer(this.ui.kept, files);
        } catch (error) {
            this.session.say({ error: sentence(error) });
        }
    }

    /** Whether there is a picture to keep; where there is none, that is said. */
    #hasPicture() {
        const has = Boolean(this.session.engine?.last);
        if (!has) this.session.say({ notes: NO_PICTURE });
        return has;
    }

    #show() {
        const { film, filmWords, filmed } = this.ui;
        film.setAttribute("aria-pressed", String(this.isFilming));
        setText(filmWords, this.isFilming ? "Stop filming" : "Film");
        setText(filmed, "");
    }
}

/** A film of what is shown, mirrored as it is shown. */
class Film {
    constructor({ width, height }) {
        const type = TYPES.find((one) => globalThis.MediaRecorder?.isTypeSupported(one));
        if (!type) throw new UserError("This browser cannot record.");
        this.type = type.split(";")[0];
        this.canvas = Object.assign(document.createElement("canvas"), { width, height });
        this.context = this.canvas.getContext("2d", { alpha: false });
        this.chunks = [];
        this.recorder = new MediaRecorder(this.canvas.captureStream(), { mimeType: type, videoBitsPerSecond: BITS_PER_SECOND });
        this.recorder.ondataavailable = ({ data }) => this.chunks.push(data);
        this.recorder.start(CHUNK_MS);
        this.started = performance.now();
    }

    get seconds() {
        return (performance.now() - this.started) / 1000;
    }

    /** What is shown now; where its shape has changed since the start, with black beside it. */
    add(canvas, mirror) {
        const { width, height } = this.canvas;
        const scale = Math.min(width / canvas.width, height / canvas.height);
        const [shownWidth, shownHeight] = [scale * canvas.width, scale * canvas.height];
        this.context.setTransform(mirror ? -1 : 1, 0, 0, 1, mirror ? width : 0, 0);
        this.context.clearRect(0, 0, width, height);
        this.context.drawImage(canvas, (width - shownWidth) / 2, (height - shownHeight) / 2, shownWidth, shownHeight);
    }

    /** The film as a file. */
    async end() {
        const { seconds } = this;
        await new Promise((resolve) => {
            this.recorder.onstop = resolve;
            this.recorder.stop();
        });
        const film = new Blob(this.chunks, { type: this.type });
        const start = withDuration(new Uint8Array(await film.slice(0, START_BYTES).arrayBuffer()), seconds);
        return new Blob([start, film.slice(START_BYTES)], { type: this.type });
    }
}

/** A frame as the camera gave it: {blob: PNG, width, height}. */
export async function grabPng(source) {
    const frame = await source.grab();
    try {
        const { width, height } = frame.visibleRect ?? frame;
        const canvas = new OffscreenCanvas(width, height);
        canvas.getContext("2d", { alpha: false }).drawImage(frame, 0, 0, width, height);
        return { blob: await canvas.convertToBlob({ type: "image/png" }), width, height };
    } finally {
        frame.close();
    }
}

/** A duration as "1:05". */
export function clock(seconds) {
    const whole = Math.floor(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A name for a file of now, as "sharpcam-2026-01-31-12-59-59-student.png". */
export function fileName(what, extension, now = new Date()) {
    const stamp = now.toISOString().slice(0, 19).replace(/[T:]/g, "-");
    return `sharpcam-${stamp}-${what}.${extension}`;
}
