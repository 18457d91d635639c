// The frame's way on the processor, whatever computes the network there: loops over pixels.

import { cropBox, layout, resizing, studentInput } from "./geometry.mjs";
import { copy, picture } from "./pixels.mjs";
import { resize } from "./resize.mjs";

const MOST_THREADS = 8;

/** How many threads there may be, `wanted` or as many as make sense: more than one only with the page's two headers. */
export function possibleThreads(wanted) {
    const possible = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
    return Math.min(wanted || possible, possible);
}

/**
 * A canvas and what is drawn on it. An answer of a network is {paint(into, part), blend(into, part, strength)}: columns
 * of a picture of the target's size.
 */
export class Processor {
    constructor(canvas) {
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
        this.answers = [];
    }

    async take(frame) {
        if (!(await copied(frame, this.raw.data))) this.raw.data.set(drawn(frame, this.raw));
    }

    /** Make the student's input, `given`; `fuse` gives it in place of the fitted frame, where there is one. */
    async before(fuse) {
        const all = { from: 0, to: this.input.width, at: 0 };
        if (this.toInput) resize(this.raw, this.toInput, this.fitted, all);
        else copy(this.raw, this.box, this.fitted, all);
        this.given = fuse ? fuse(this.fitted) : this.fitted;
    }

    /** The camera's own frame, as it was taken. */
    async frame() {
        return this.raw;
    }

    /**
     * The answers of the student and of the one it is compared with (none: bicubic) become this frame's pictures, as
     * far as the view's strength says; at strength 0 there are no answers, and all is bicubic.
     */
    after(answers, view) {
        this.answers = answers;
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
        this.bicubic(bicubic, whole);
        const answers = this.answers.length > 0 ? this.answers : [undefined];
        const [student, compared] = answers.map((answer) => {
            const made = picture(this.target.width, this.target.height);
            this.#answer(answer, made, whole);
            return made;
        });
        return { raw: this.raw, bicubic, student, ...(compared && { compared }) };
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
        if (answer && this.strength === 1) {
            answer.paint(into, part);
            return;
        }
        this.bicubic(into, part);
        answer?.blend(into, part, this.strength);
    }

    /** A part of the camera's own picture in the target's size. */
    bicubic(into, part) {
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
