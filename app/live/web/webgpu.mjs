// The frame's way on the graphics processor: frame, tensors and canvas stay there. The same steps as in processor.mjs.

import { cropBox, layout, resizing, studentInput } from "./geometry.mjs";
import { answersOf, checkStudent, guard, openStudent, setDials } from "./inference.mjs";
import { requireAdapter } from "./webgpu_adapter.mjs";
import { WebgpuDevice } from "./webgpu_device.mjs";

const UNTOUCHED = new Uint32Array([0x7f7fffff, 0, 0, 0]); // a Sample before anything was looked at

export class WebgpuBackend {
    static async open({ ort: folder, automatic, canvas }) {
        await requireAdapter(automatic); // a worker may have none where the page has one
        const ort = await import(`${folder}ort.webgpu.bundle.min.mjs`);
        ort.env.wasm.wasmPaths = { wasm: `${folder}ort-wasm-simd-threaded.asyncify.wasm` };
        ort.env.wasm.numThreads = 1;
        ort.env.logLevel = "error";
        return new WebgpuBackend(ort, canvas);
    }

    constructor(ort, canvas) {
        this.name = "WebGPU";
        this.threads = null;
        this.ort = ort;
        this.canvas = canvas;
        this.sessionOptions = { executionProviders: ["webgpu"], preferredOutputLocation: "gpu-buffer" };
    }

    runtime = async () => this.ort;
    load = (model) => openStudent(this, model);
    check = (student, enhance) => checkStudent(this, student, enhance);
    turn = (student, setting) => setDials(this, student, setting);
    guard = (students) => guard(this, students);

    /** The device is ONNX Runtime's: there is one only when there is a session. */
    async begin(lost) {
        const device = await this.ort.env.webgpu.device;
        device.lost.then(lost);
        this.gpu = new WebgpuDevice(device, this.canvas.getContext("webgpu"));
    }

    fit(size, geometry) {
        const { gpu } = this;
        gpu.release();
        const input = studentInput(geometry);
        const target = { width: geometry.width, height: geometry.height };
        const box = cropBox(size.width, size.height, geometry);
        Object.assign(this, { size, input, target, box });
        this.raw = gpu.picture(size);
        this.rawSize = gpu.uniform([size.width, size.height, 0, 0]);
        this.targetSize = gpu.uniform([target.width, target.height, 0, 0]);
        this.blending = gpu.uniform([target.width, target.height, 0, 0]);
        this.batch = gpu.storage(12 * input.width * input.height);
        this.bicubic = gpu.picture(target);
        this.made = [gpu.picture(target), gpu.picture(target)]; // of the student, and of what it is compared with
        [this.right, this.left] = [this.bicubic, this.bicubic]; // as long as there are no answers
        this.seen = [0, 1, 2].map(() => gpu.storage(16));
        this.fitted = gpu.picture(input);
        this.toFitted = this.#resize(this.fitted, input, resizing(box, input) ?? plainTaps(box));
        const place = gpu.uniform([input.width, input.height, 0, 0, input.width, 0, 0, 0]);
        this.toBatch = ["toBatch", [this.fitted, this.batch, place, this.seen[0]], input];
        this.toTarget = this.#resize(this.bicubic, target, resizing(box, target) ?? plainTaps(box));
        [this.canvas.width, this.canvas.height] = [0, 0];
    }

    async take(frame) {
        this.gpu.take(frame, this.size, this.raw, this.rawSize);
    }

    /** See processor.mjs. What is fused leaves the graphics processor and comes back. */
    async before(fuse) {
        const { gpu, fitted, input, toFitted, toBatch } = this;
        for (const sample of this.seen) gpu.write(sample, 0, UNTOUCHED);
        gpu.dispatch(fuse ? [toFitted] : [toFitted, toBatch]);
        if (!fuse) return;
        gpu.write(fitted, 0, fuse(await gpu.read(fitted, input)).data);
        gpu.dispatch([toBatch]);
    }

    /** The camera's own frame, read back: a few milliseconds, so not for every frame. */
    frame() {
        return this.gpu.read(this.raw, this.size);
    }

    feed() {
        const dims = [1, 3, this.input.height, this.input.width];
        return this.ort.Tensor.fromGpuBuffer(this.batch, { dataType: "float32", dims });
    }

    async run(students) {
        const answers = await answersOf(this, students);
        await this.gpu.settled();
        return answers;
    }

    /** See processor.mjs: the first answer is shown right, the second or bicubic left; strength draws both to bicubic. */
    after(answers, { strength }) {
        this.count = answers.length;
        this.gpu.write(this.blending, 8, Float32Array.of(strength));
        const steps = answers.length < 2 || strength < 1 ? [this.toTarget] : [];
        answers.forEach((answer, index) => steps.push(...this.#unpacking(answer, index, strength)));
        [this.right, this.left] = [0, 1].map((index) => (index < answers.length ? this.made[index] : this.bicubic));
        this.gpu.dispatch(steps);
        for (const answer of answers) answer.dispose();
    }

    #unpacking(answer, index, strength) {
        const into = this.made[index];
        const unpack = ["fromBatch", [answer.gpuBuffer, into, this.targetSize, this.seen[index + 1]], this.target];
        return strength < 1 ? [unpack, ["blend", [this.bicubic, into, this.blending], this.target]] : [unpack];
    }

    async draw(view) {
        const { width, parts } = layout(view, this.target.width);
        const { height } = this.target;
        if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
        const words = [0, 1].map((index) => {
            const { from, to, at, picture: which } = parts[index] ?? { ...parts[0], at: width };
            return [from, to, at, which === "left" ? 0 : 1];
        });
        this.gpu.show(this.left, this.right, new Uint32Array([...words.flat(), this.target.width, 0, 0, 0]));
        await this.gpu.settled();
    }

    async redraw(view) {
        await this.draw(view);
    }

    /** {raw, bicubic, student} of this frame, whole; with two students {compared} too. */
    async pictures() {
        this.gpu.dispatch([this.toTarget]); // with two students nothing else has made it
        const [raw, bicubic, student, left] = await Promise.all([
            this.gpu.read(this.raw, this.size),
            this.gpu.read(this.bicubic, this.target),
            this.gpu.read(this.right, this.target),
            this.gpu.read(this.left, this.target),
        ]);
        return { raw, bicubic, student, ...(this.count > 1 && { compared: left }) };
    }

    async samples() {
        const [input, ...outputs] = await Promise.all(this.seen.map((sample) => this.gpu.readWords(sample, 16)));
        const judged = (words) => {
            const [low, high] = new Float32Array(words.buffer, 0, 2);
            return { finite: words[2] === 0, low, high };
        };
        return { input: judged(input), outputs: outputs.slice(0, this.count).map(judged) };
    }

    #resize(into, { width, height }, { columns, rows, bias }) {
        const { gpu } = this;
        const words = new Uint32Array([width, height, this.size.width, columns.count, rows.count, 0, 0, 0]);
        new Float32Array(words.buffer)[5] = bias;
        return ["resize", [this.raw, into, gpu.uniform(words), gpu.taps(columns), gpu.taps(rows)], { width, height }];
    }
}

/** Taps that only cut the box out. */
function plainTaps({ x, y, width, height }) {
    const line = (start, length) => ({
        count: 1,
        at: Uint32Array.from({ length }, (_, index) => start + index),
        weights: new Float32Array(length).fill(1),
    });
    return { columns: line(x, width), rows: line(y, height), bias: 0 };
}
