// The frame's way on the graphics processor: frame, tensors and canvas stay there. The same steps as in wasm.mjs.

import { cropBox, layout, resizing, studentInput } from "./geometry.mjs";
import { UserError } from "./messages.mjs";
import { picture } from "./pixels.mjs";
import * as shaders from "./shaders.mjs";

const UNTOUCHED = new Uint32Array([0x7f7fffff, 0, 0, 0]); // a Sample before anything was looked at

export class WebgpuBackend {
    static async open({ ort: folder, automatic, canvas }) {
        const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
        if (!adapter) throw new UserError("This browser offers no WebGPU to this page.");
        if (automatic && (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter)) {
            throw new UserError("WebGPU is only emulated by the processor here.");
        }
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
        this.buffers = [];
    }

    /** The device is ONNX Runtime's: there is one only when there is a session. */
    async begin(lost) {
        this.device = await this.ort.env.webgpu.device;
        this.device.lost.then(lost);
        this.context = this.canvas.getContext("webgpu");
        const format = navigator.gpu.getPreferredCanvasFormat();
        this.context.configure({ device: this.device, format, alphaMode: "opaque" });
        this.pipelines = {
            resize: this.#compute(shaders.resize),
            toBatch: this.#compute(shaders.toBatch),
            fromBatch: this.#compute(shaders.fromBatch),
            blend: this.#compute(shaders.blend),
            show: this.#render(shaders.show, format),
        };
        this.layoutBuffer = this.#buffer(48, GPUBufferUsage.UNIFORM);
        this.kept = this.buffers.splice(0);
    }

    fit(size, geometry) {
        this.#release();
        const input = studentInput(geometry);
        const target = { width: geometry.width, height: geometry.height };
        const box = cropBox(size.width, size.height, geometry);
        Object.assign(this, { size, input, target, box });
        this.raw = this.#picture(size);
        this.rawSize = this.#uniform([size.width, size.height, 0, 0]);
        this.targetSize = this.#uniform([target.width, target.height, 0, 0]);
        this.blending = this.#uniform([target.width, target.height, 0, 0]);
        this.batch = this.#buffer(12 * input.width * input.height, GPUBufferUsage.STORAGE);
        this.bicubic = this.#picture(target);
        this.made = [this.#picture(target), this.#picture(target)]; // of the student, and of what it is compared with
        [this.right, this.left] = [this.bicubic, this.bicubic]; // as long as there are no answers
        this.seen = [0, 1, 2].map(() => this.#buffer(16, GPUBufferUsage.STORAGE));
        this.#planInput(input, box);
        this.toTarget = this.#plan(this.bicubic, target, resizing(box, target) ?? plainTaps(box));
        [this.canvas.width, this.canvas.height] = [0, 0];
    }

    /** All of a frame is taken in one go: an external texture lives no longer than that. */
    async take(frame) {
        const [kind, texture] = this.#texture(frame);
        this.pipelines[kind] ??= this.#compute(shaders.take(kind));
        this.#dispatch([[kind, [texture, this.raw, this.rawSize], this.size]]);
    }

    before() {
        for (const sample of this.seen) this.device.queue.writeBuffer(sample, 0, UNTOUCHED);
        this.#dispatch(this.inputSteps);
    }

    /** The camera's own frame, read back: a few milliseconds, so not for every frame. */
    frame() {
        return this.#read(this.raw, this.size);
    }

    feed() {
        const dims = [1, 3, this.input.height, this.input.width];
        return this.ort.Tensor.fromGpuBuffer(this.batch, { dataType: "float32", dims });
    }

    async settled() {
        await this.device.queue.onSubmittedWorkDone();
    }

    /** See wasm.mjs: the first answer is shown right, the second or bicubic left; strength draws both to bicubic. */
    after(answers, { strength }) {
        this.count = answers.length;
        this.device.queue.writeBuffer(this.blending, 8, Float32Array.of(strength));
        const steps = answers.length < 2 || strength < 1 ? [this.toTarget] : [];
        answers.forEach((answer, index) => steps.push(...this.#unpacking(answer, index, strength)));
        [this.right, this.left] = [0, 1].map((index) => (index < answers.length ? this.made[index] : this.bicubic));
        this.#dispatch(steps);
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
        this.device.queue.writeBuffer(this.layoutBuffer, 0, new Uint32Array([...words.flat(), this.target.width, 0, 0, 0]));
        const encoder = this.device.createCommandEncoder();
        const view_ = this.context.getCurrentTexture().createView();
        const pass = encoder.beginRenderPass({ colorAttachments: [{ view: view_, loadOp: "clear", storeOp: "store" }] });
        pass.setPipeline(this.pipelines.show);
        pass.setBindGroup(0, this.#group(this.pipelines.show, [this.left, this.right, this.layoutBuffer]));
        pass.draw(3);
        pass.end();
        this.device.queue.submit([encoder.finish()]);
        await this.settled();
    }

    async redraw(view) {
        await this.draw(view);
    }

    /** {raw, bicubic, student} of this frame, whole; with two students {compared} too. */
    async pictures() {
        this.#dispatch([this.toTarget]); // with two students nothing else has made it
        const [raw, bicubic, student, left] = await Promise.all([
            this.#read(this.raw, this.size),
            this.#read(this.bicubic, this.target),
            this.#read(this.right, this.target),
            this.#read(this.left, this.target),
        ]);
        return { raw, bicubic, student, ...(this.count > 1 && { compared: left }) };
    }

    async samples() {
        const [input, ...outputs] = await Promise.all(this.seen.map((sample) => this.#readWords(sample, 16)));
        const judged = (words) => {
            const [low, high] = new Float32Array(words.buffer, 0, 2);
            return { finite: words[2] === 0, low, high };
        };
        return { input: judged(input), outputs: outputs.slice(0, this.count).map(judged) };
    }

    #planInput(input, box) {
        const plan = resizing(box, input);
        const fitted = plan ? this.#picture(input) : this.raw;
        const at = plan ? [0, 0, input.width] : [box.x, box.y, this.size.width];
        const place = this.#uniform([input.width, input.height, ...at, 0, 0, 0]);
        const convert = ["toBatch", [fitted, this.batch, place, this.seen[0]], input];
        this.inputSteps = plan ? [this.#plan(fitted, input, plan), convert] : [convert];
    }

    #plan(into, { width, height }, { columns, rows, bias }) {
        const words = new Uint32Array([width, height, this.size.width, columns.count, rows.count, 0, 0, 0]);
        new Float32Array(words.buffer)[5] = bias;
        return ["resize", [this.raw, into, this.#uniform(words), this.#taps(columns), this.#taps(rows)], { width, height }];
    }

    #taps({ at, weights }) {
        const bits = new Uint32Array(weights.buffer);
        const words = new Uint32Array(2 * at.length);
        at.forEach((position, index) => words.set([position, bits[index]], 2 * index));
        return this.#filled(words, GPUBufferUsage.STORAGE);
    }

    #texture(frame) {
        if (this.device.importExternalTexture && frame instanceof globalThis.VideoFrame) {
            return ["texture_external", this.device.importExternalTexture({ source: frame })];
        }
        const { COPY_DST, TEXTURE_BINDING, RENDER_ATTACHMENT } = GPUTextureUsage;
        this.texture ??= this.device.createTexture({
            size: this.size,
            format: "rgba8unorm",
            usage: COPY_DST | TEXTURE_BINDING | RENDER_ATTACHMENT,
        });
        this.device.queue.copyExternalImageToTexture({ source: frame }, { texture: this.texture }, this.size);
        return ["texture_2d<f32>", this.texture.createView()];
    }

    #dispatch(steps) {
        const encoder = this.device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (const [name, resources, { width, height }] of steps) {
            pass.setPipeline(this.pipelines[name]);
            pass.setBindGroup(0, this.#group(this.pipelines[name], resources));
            pass.dispatchWorkgroups(Math.ceil(width / shaders.WORKGROUP), Math.ceil(height / shaders.WORKGROUP));
        }
        pass.end();
        this.device.queue.submit([encoder.finish()]);
    }

    #group(pipeline, resources) {
        const entries = resources.map((resource, binding) => ({
            binding,
            resource: resource instanceof GPUBuffer ? { buffer: resource } : resource,
        }));
        return this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    }

    #compute(code) {
        const module = this.device.createShaderModule({ code });
        return this.device.createComputePipeline({ layout: "auto", compute: { module } });
    }

    #render(code, format) {
        const module = this.device.createShaderModule({ code });
        return this.device.createRenderPipeline({
            layout: "auto",
            vertex: { module },
            fragment: { module, targets: [{ format }] },
        });
    }

    #picture({ width, height }) {
        return this.#buffer(4 * width * height, GPUBufferUsage.STORAGE);
    }

    #uniform(words) {
        return this.#filled(Uint32Array.from(words), GPUBufferUsage.UNIFORM);
    }

    #filled(words, usage) {
        const buffer = this.#buffer(words.byteLength, usage);
        this.device.queue.writeBuffer(buffer, 0, words);
        return buffer;
    }

    #buffer(bytes, usage) {
        const size = 16 * Math.ceil(bytes / 16);
        const buffer = this.device.createBuffer({ size, usage: usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
        this.buffers.push(buffer);
        return buffer;
    }

    #release() {
        for (const buffer of this.buffers.splice(0)) buffer.destroy();
        this.texture?.destroy();
        this.texture = undefined;
    }

    async #read(buffer, { width, height }) {
        const made = picture(width, height);
        new Uint32Array(made.data.buffer).set(await this.#readWords(buffer, made.data.length));
        return made;
    }

    async #readWords(buffer, bytes) {
        const { COPY_DST, MAP_READ } = GPUBufferUsage;
        const copy = this.device.createBuffer({ size: bytes, usage: COPY_DST | MAP_READ });
        const encoder = this.device.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer, 0, copy, 0, bytes);
        this.device.queue.submit([encoder.finish()]);
        await copy.mapAsync(GPUMapMode.READ);
        const words = new Uint32Array(copy.getMappedRange().slice(0));
        copy.destroy();
        return words;
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
