// The frame's way on the processor: loops over pixels here, the network in WebAssembly, with threads where the page may.

import { cropBox, layout, resizing, studentInput } from "./geometry.mjs";
import { blendBatch, copy, fromBatch, picture, resize, sampleOf, toBatch } from "./pixels.mjs";

const MOST_THREADS = 8;

export class WasmBackend {
    static async open({ ort: folder, threads, canvas }) {
        const ort = await import(`${folder}ort.wasm.bundle.min.mjs`);
        const possible = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
        ort.env.wasm.wasmPaths = { wasm: `${folder}ort-wasm-simd-threaded.wasm` };
        ort.env.wasm.numThreads = Math.min(threads || possible, possible);
        ort.env.logLevel = "error";
        return new WasmBackend(ort, canvas);
    }

    constructor(ort, canvas) {
        this.name = "WASM";
        this.ort = ort;
        this.threads = ort.env.wasm.numThreads;
        this.sessionOptions = { executionProviders: ["wasm"] };
        this.canvas = canvas;
        this.context = canvas.getContext("2d", { alpha: false });
    }

    /** Make room for frames of `size` and for the student's pictures of `geometry`. */
    fit(size, geometry) {
        const input = studentInput(geometry);
        this.input = input;
        this.target = { width: geometry.width, height: geometry.height };
        this.box = cropBox(size.width, size.height, geometry);
        this.toInput = resizing(this.box, input);
        this.toTarget = resizing(this.box, this.target);
        this.raw = picture(size.width, size.height);
        this.fitted = picture(input.width, input.height);
        this.batch = new Float32Array(3 * input.width * input.height);
        this.answers = [];
    }

    async take(frame) {
        if (!(await copied(frame, this.raw.data))) this.raw.data.set(drawn(frame, this.raw));
    }

    /** Make the student's input; `fuse` gives what it is made of in place of the fitted frame, where there is one. */
    async before(fuse) {
        const all = { from: 0, to: this.input.width, at: 0 };
        if (this.toInput) resize(this.raw, this.toInput, this.fitted, all);
        else copy(this.raw, this.box, this.fitted, all);
        toBatch(fuse ? fuse(this.fitted) : this.fitted, { x: 0, y: 0, ...this.input }, this.batch);
    }

    /** The camera's own frame, as it was taken. */
    async frame() {
        return this.raw;
    }

    feed() {
        return new this.ort.Tensor("float32", this.batch, [1, 3, this.input.height, this.input.width]);
    }

    async settled() {}

    /**
     * The answers of the student and of the one it is compared with (none: bicubic) become this frame's pictures, as
     * far as the view's strength says; at strength 0 there are no answers, and all is bicubic.
     */
    after(answers, view) {
        this.answers = answers.map((answer) => answer.data);
        this.#compose(view);
    }

    async draw() {
        this.context.putImageData(this.shown, 0, 0);
    }

    async redraw(view) {
        this.#compose(view);
        await this.draw();
    }

    /** {raw, bicubic, student} of this frame, whole; with two students {compared} too. */
    async pictures() {
        const whole = { from: 0, to: this.target.width, at: 0 };
        const bicubic = picture(this.target.width, this.target.height);
        this.#bicubic(bicubic, whole);
        const answers = this.answers.length > 0 ? this.answers : [undefined];
        const [student, compared] = answers.map((answer) => {
            const made = picture(this.target.width, this.target.height);
            this.#answer(answer, made, whole);
            return made;
        });
        return { raw: this.raw, bicubic, student, ...(compared && { compared }) };
    }

    /** Samples of what went into the networks and of what came out of each. */
    async samples() {
        return { input: sampleOf(this.batch), outputs: this.answers.map((answer) => sampleOf(answer)) };
    }

    #compose(view) {
        this.strength = view.strength;
        const { width, parts } = layout(view, this.target.width);
        this.#resizeCanvas(width, this.target.height);
        const into = { width, height: this.target.height, data: this.shown.data };
        for (const part of parts) this.#answer(this.answers[part.picture === "left" ? 1 : 0], into, part);
    }

    /** An answer as strong as it is wanted, over bicubic; without one that alone. */
    #answer(answer, into, part) {
        const { width } = this.target;
        if (answer && this.strength === 1) {
            fromBatch(answer, width, into, part);
            return;
        }
        this.#bicubic(into, part);
        if (answer) blendBatch(answer, width, into, part, this.strength);
    }

    #bicubic(into, part) {
        if (this.toTarget) resize(this.raw, this.toTarget, into, part);
        else copy(this.raw, this.box, into, part);
    }

    #resizeCanvas(width, height) {
        if (this.shown?.width === width && this.shown.height === height) return;
        this.shown = new ImageData(width, height);
        Object.assign(this.canvas, { width, height });
    }
}

async function copied(frame, data) {
    if (!frame.copyTo) return false; // an ImageBitmap
    try {
        await frame.copyTo(data, { format: "RGBA" });
        return true;
    } catch {
        return false; // a browser that copies no RGBA, or a frame whose pixels lie elsewhere
    }
}

function drawn(frame, { width, height }) {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(frame, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
}
