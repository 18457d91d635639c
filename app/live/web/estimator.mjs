// The contract's estimator in the worker: it looks at windows of the camera's own frame, one at a time, between frames.

import { PlainEstimator } from "./plain_estimator.mjs";
import { toBatch } from "./pixels.mjs";
import { detailedWindows } from "./windows.mjs";

export class Estimator {
    /**
     * On our own kernels, from `folder`, where the contract knows the network's plain form; else in ONNX Runtime. Throws
     * where the network of the ONNX `file` does not run, or not as it should.
     */
    static async open(backend, { contract: { estimator, golden }, file, folder }) {
        const { plain } = estimator;
        const network = plain
            ? await PlainEstimator.open({ folder, plain, file, golden: golden.input })
            : await OnnxEstimator.open(backend, file);
        return new Estimator(backend, network);
    }

    constructor(backend, network) {
        Object.assign(this, { backend, network, windows: [] });
    }

    /** Cut the windows out of the last frame; gives how many there are to read. */
    async look() {
        const frame = await this.backend.frame();
        const { width, height } = frame;
        this.frame = { width, height, data: frame.data.slice() }; // the next one comes before all windows are read
        this.windows = detailedWindows(frame);
        return this.windows.length;
    }

    /** What window `index` says: {values, weights}, a number for each dial. */
    read(index) {
        return this.network.read(this.frame, this.windows[index]);
    }
}

/** Any network, on the processor whatever the student runs on: windows are small, and the graphics processor is busy. */
class OnnxEstimator {
    static async open(backend, file) {
        const ort = await backend.runtime();
        const session = await ort.InferenceSession.create(new Uint8Array(file), { executionProviders: ["wasm"] });
        return new OnnxEstimator(ort, session);
    }

    constructor(ort, session) {
        Object.assign(this, { ort, session });
    }

    async read(frame, window) {
        const batch = new Float32Array(3 * window.width * window.height);
        toBatch(frame, window, batch);
        const tensor = new this.ort.Tensor("float32", batch, [1, 3, window.height, window.width]);
        const { values, weights } = await this.session.run({ frame: tensor });
        return { values: [...values.data], weights: [...weights.data] };
    }
}
