// The graphics processor: buffers, pipelines, and the work that is sent to it. What a frame goes through is in webgpu.mjs.

import { picture } from "./pixels.mjs";
import * as shaders from "./shaders.mjs";

const LAYOUT_BYTES = 48; // of what the shader `show` reads beside the pictures

/** A device that shows its pictures on a canvas's WebGPU context. A step is [pipeline's name, resources, size]. */
export class WebgpuDevice {
    constructor(device, context) {
        Object.assign(this, { device, context, buffers: [] });
        const format = navigator.gpu.getPreferredCanvasFormat();
        context.configure({ device, format, alphaMode: "opaque" });
        this.pipelines = {
            resize: this.#compute(shaders.resize),
            toBatch: this.#compute(shaders.toBatch),
            fromBatch: this.#compute(shaders.fromBatch),
            blend: this.#compute(shaders.blend),
            show: this.#render(shaders.show, format),
        };
        this.layout = this.#create(LAYOUT_BYTES, GPUBufferUsage.UNIFORM);
    }

    // -- buffers; all that these give live until the next `release`

    picture({ width, height }) {
        return this.storage(4 * width * height);
    }

    storage(bytes) {
        return this.#buffer(bytes, GPUBufferUsage.STORAGE);
    }

    uniform(words) {
        return this.#filled(Uint32Array.from(words), GPUBufferUsage.UNIFORM);
    }

    /** The taps of one direction of a resize: pairs of a position and a weight. */
    taps({ at, weights }) {
        const bits = new Uint32Array(weights.buffer);
        const words = new Uint32Array(2 * at.length);
        at.forEach((position, index) => words.set([position, bits[index]], 2 * index));
        return this.#filled(words, GPUBufferUsage.STORAGE);
    }

    write(buffer, offset, data) {
        this.device.queue.writeBuffer(buffer, offset, data);
    }

    release() {
        for (const buffer of this.buffers.splice(0)) buffer.destroy();
        this.texture?.destroy();
        this.texture = undefined;
    }

    #filled(words, usage) {
        const buffer = this.#buffer(words.byteLength, usage);
        this.write(buffer, 0, words);
        return buffer;
    }

    #buffer(bytes, usage) {
        const buffer = this.#create(bytes, usage);
        this.buffers.push(buffer);
        return buffer;
    }

    #create(bytes, usage) {
        const size = 16 * Math.ceil(bytes / 16);
        return this.device.createBuffer({ size, usage: usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
    }

    // -- work

    /** All of a frame goes into the buffer `into` in one go: an external texture lives no longer than that. */
    take(frame, size, into, sizeWords) {
        const [kind, texture] = this.#texture(frame, size);
        this.pipelines[kind] ??= this.#compute(shaders.take(kind));
        this.dispatch([[kind, [texture, into, sizeWords], size]]);
    }

    dispatch(steps) {
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

    /** Put the pictures `left` and `right` on the canvas, as `words` say which columns of which. */
    show(left, right, words) {
        this.write(this.layout, 0, words);
        const encoder = this.device.createCommandEncoder();
        const view = this.context.getCurrentTexture().createView();
        const pass = encoder.beginRenderPass({ colorAttachments: [{ view, loadOp: "clear", storeOp: "store" }] });
        pass.setPipeline(this.pipelines.show);
        pass.setBindGroup(0, this.#group(this.pipelines.show, [left, right, this.layout]));
        pass.draw(3);
        pass.end();
        this.device.queue.submit([encoder.finish()]);
    }

    async settled() {
        await this.device.queue.onSubmittedWorkDone();
    }

    /** The picture in a buffer. */
    async read(buffer, { width, height }) {
        const made = picture(width, height);
        new Uint32Array(made.data.buffer).set(await this.readWords(buffer, made.data.length));
        return made;
    }

    async readWords(buffer, bytes) {
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

    #texture(frame, size) {
        if (this.device.importExternalTexture && frame instanceof globalThis.VideoFrame) {
            return ["texture_external", this.device.importExternalTexture({ source: frame })];
        }
        const { COPY_DST, TEXTURE_BINDING, RENDER_ATTACHMENT } = GPUTextureUsage;
        this.texture ??= this.device.createTexture({
            size,
            format: "rgba8unorm",
            usage: COPY_DST | TEXTURE_BINDING | RENDER_ATTACHMENT,
        });
        this.device.queue.copyExternalImageToTexture({ source: frame }, { texture: this.texture }, size);
        return ["texture_2d<f32>", this.texture.createView()];
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
}
