// Students on the processor in ONNX Runtime: what runs any of them.

import { answersOf, checkStudent, guard, openStudent, setDials } from "./inference.mjs";
import { blendBatch, fromBatch, sampleOf, toBatch } from "./pixels.mjs";
import { Processor, possibleThreads } from "./processor.mjs";

/** ONNX Runtime for processors, from its `folder`. */
export async function loadRuntime(folder, threads) {
    const ort = await import(`${folder}ort.wasm.bundle.min.mjs`);
    ort.env.wasm.wasmPaths = { wasm: `${folder}ort-wasm-simd-threaded.wasm` };
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = "error";
    return ort;
}

export class WasmBackend extends Processor {
    static async open({ ort, threads, canvas }) {
        const count = possibleThreads(threads);
        return new WasmBackend(await loadRuntime(ort, count), count, canvas);
    }

    constructor(ort, threads, canvas) {
        super(canvas);
        Object.assign(this, { name: "ONNX Runtime WASM", ort, threads });
        this.sessionOptions = { executionProviders: ["wasm"] };
    }

    runtime = async () => this.ort;
    load = (model) => openStudent(this, model);
    check = (student, enhance) => checkStudent(this, student, enhance);
    turn = (student, setting) => setDials(this, student, setting);
    guard = (students) => guard(this, students);

    fit(size, geometry) {
        super.fit(size, geometry);
        this.batch = new Float32Array(3 * this.input.width * this.input.height);
    }

    async before(fuse) {
        await super.before(fuse);
        toBatch(this.given, { x: 0, y: 0, ...this.input }, this.batch);
    }

    feed() {
        return new this.ort.Tensor("float32", this.batch, [1, 3, this.input.height, this.input.width]);
    }

    async run(students) {
        const answers = await answersOf(this, students);
        return answers.map(({ data }) => new Floats(data, this.target.width));
    }

    /** Samples of what went into the networks and of what came out of each. */
    async samples() {
        return { input: sampleOf(this.batch), outputs: this.answers.map(({ data }) => sampleOf(data)) };
    }
}

/** An answer as it leaves a network: (1, 3, H, W) floats. */
class Floats {
    constructor(data, width) {
        Object.assign(this, { data, width });
    }

    paint(into, part) {
        fromBatch(this.data, this.width, into, part);
    }

    blend(into, part, strength) {
        blendBatch(this.data, this.width, into, part, strength);
    }
}
