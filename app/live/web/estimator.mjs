// The contract's estimator in the worker: it looks at windows of the camera's own frame, one at a time, between frames.

import { toBatch } from "./pixels.mjs";
import { detailedWindows } from "./windows.mjs";

export class Estimator {
    /** Runs on the processor whatever the student runs on: its windows are small, and the graphics processor is busy. */
    static async open(backend, bytes) {
        const ort = await backend.runtime();
        const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
        return new Estimator(backend, { ort, session });
    }

    constructor(backend, { ort, session }) {
        Object.assign(this, { backend, ort, session, windows: [] });
    }

    /** Cut the windows out of the last frame; gives how many there are to read. */
    async look() {
        const frame = await this.backend.frame();
        this.windows = detailedWindows(frame).map((window) => {
            const batch = new Float32Array(3 * window.width * window.height);
            toBatch(frame, window, batch);
            return { batch, dims: [1, 3, window.height, window.width] };
        });
        return this.windows.length;
    }

    /** What window `index` says: {values, weights}, a number for each dial. */
    async read(index) {
        const { batch, dims } = this.windows[index];
        const { values, weights } = await this.session.run({ frame: new this.ort.Tensor("float32", batch, dims) });
        return { values: [...values.data], weights: [...weights.data] };
    }
}
