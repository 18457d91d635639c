// The network that reads the camera's dials, in floats on kernels of our own (app/live/wasm/estimator.ts): a kilobyte where
// ONNX Runtime has four million. The contract says where in the ONNX file its weights lie, and what it knows.

import { DIALS } from "./dials.mjs";
import { UserError } from "./messages.mjs";
import { BYTES, GROUP, READ, STRIDES } from "./plain_form.mjs";

const PAGE = 2 ** 16; // bytes of a page of memory
const WORD = 4; // bytes of a float
const MOST_LOGIT = 6; // of a weight
const TOLERANCE = 1e-3; // of a known answer: values, and weights in proportion

/** The estimator with its weights in a memory of its own. */
export class PlainEstimator {
    /**
     * @param {string} folder of the compiled kernels
     * @param {object} plain see `readPlain`
     * @param {ArrayBuffer} file the ONNX file
     * @param {object} golden the contract's small picture: twice as large it is what the answer is known to
     * @throws {UserError} where it does not answer what it should
     */
    static async open({ folder, plain, file, golden, fetching = fetch }) {
        const answer = await fetching(`${folder}estimator.wasm`);
        if (!answer.ok) throw new UserError('the page\'s own engine is not there, run "make setup"');
        const memory = new WebAssembly.Memory({ initial: 1 });
        const { instance } = await WebAssembly.instantiate(await answer.arrayBuffer(), { env: { memory } });
        const estimator = new PlainEstimator(
            memory,
            instance.exports,
            joined(plain.layers.map((layer) => readLayer(layer, file))),
        );
        if (!isNear(estimator.read(doubled(golden)), plain.known)) throw new UserError("it fails its known-answer test");
        return estimator;
    }

    constructor(memory, kernels, layers) {
        Object.assign(this, { memory, kernels, end: 0, size: "" });
        this.layers = layers.map(({ weights, bias, ...layer }) => ({
            ...{ ...layer, weights: this.#store(weights), bias: this.#store(bias) },
        }));
        this.fixed = this.end;
    }

    /** What a window of a picture says: {values, weights}, a number for each dial. */
    read(picture, window = { x: 0, y: 0, width: picture.width, height: picture.height }) {
        const { kernels, layers } = this;
        this.#fit(window.width, window.height);
        this.#take(picture, window);
        const [seen] = this.pictures;
        kernels.look(this.window, seen.first, seen.row, seen.width, seen.height);
        layers.forEach(({ kernel, stride, channels, weights, bias, rectified }, index) => {
            const [from, into] = this.pictures.slice(index, index + 2);
            const pixel = WORD * from.channels;
            const start = from.first - (kernel >> 1) * (from.row + pixel);
            const reads = [start, from.row, pixel, stride, kernel, kernel * from.channels];
            kernels.convolve(...reads, weights, bias, channels, into.first, into.row, into.width, into.height, rectified);
        });
        return pooled(this.#floats(this.pictures.at(-1)));
    }

    /** Make room for a window and for what each layer gives. */
    #fit(width, height) {
        if (this.size === `${width}x${height}`) return;
        this.size = `${width}x${height}`;
        this.end = this.fixed;
        this.rgba = { width: width + 2, height: height + 2 };
        this.window = this.#reserve(4 * this.rgba.width * this.rgba.height);
        this.pictures = [this.#picture(width, height, READ, this.layers[0].kernel)];
        this.layers.forEach(({ channels, stride }, index) => {
            const before = this.pictures[index];
            const [across, down] = [before.width, before.height].map((side) => Math.ceil(side / stride));
            this.pictures.push(this.#picture(across, down, channels, this.layers[index + 1]?.kernel ?? 1));
        });
    }

    /** A picture with the border of zeros that a convolution of that kernel reads. */
    #picture(width, height, channels, kernel) {
        const border = kernel >> 1;
        const row = WORD * channels * (width + 2 * border);
        const at = this.#reserve(row * (height + 2 * border));
        return { width, height, channels, row, first: at + border * (row + WORD * channels) };
    }

    #take({ width, data }, { x, y, width: across, height }) {
        for (let row = 0; row < height; row += 1) {
            const start = 4 * ((y + row) * width + x);
            const into = this.window + 4 * ((row + 1) * this.rgba.width + 1);
            new Uint8Array(this.memory.buffer, into, 4 * across).set(data.subarray(start, start + 4 * across));
        }
    }

    #floats({ first, width, height, channels }) {
        return new Float32Array(this.memory.buffer, first, width * height * channels);
    }

    #store(floats) {
        const at = this.#reserve(floats.byteLength);
        new Float32Array(this.memory.buffer, at, floats.length).set(floats);
        return at;
    }

    /** So many bytes from now on, all of them zero. */
    #reserve(length) {
        const at = this.end;
        this.end += 16 * Math.ceil(length / 16) + 16; // the kernels load and store whole vectors
        const missing = this.end - this.memory.buffer.byteLength;
        if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
        new Uint8Array(this.memory.buffer, at, this.end - at).fill(0);
        return at;
    }
}

/** The weighted mean over all places of (places, values and logits of weights), and the mean weight. */
function pooled(places) {
    const dials = DIALS.length;
    const [values, weights] = [DIALS.map(() => 0), DIALS.map(() => 0)];
    for (let at = 0; at < places.length; at += 2 * dials) {
        for (let dial = 0; dial < dials; dial += 1) {
            const weight = Math.exp(MOST_LOGIT * Math.tanh(places[at + dials + dial] / MOST_LOGIT));
            values[dial] += weight / (1 + Math.exp(-places[at + dial]));
            weights[dial] += weight;
        }
    }
    const count = places.length / (2 * dials);
    return { values: values.map((sum, dial) => sum / weights[dial]), weights: weights.map((sum) => sum / count) };
}

/** The last two layers, of values and of weights, as one. */
function joined(layers) {
    const [value, weight] = layers.splice(-2);
    const beside = (one, other) => Float32Array.of(...one, ...other);
    const last = { shape: [2 * DIALS.length, ...value.shape.slice(1)], bias: beside(value.bias, weight.bias) };
    const all = [...layers, { ...last, weights: beside(value.weights, weight.weights) }];
    return all.map(({ shape, weights, bias }, index) => ({
        ...{ channels: shape[0], kernel: shape[2], stride: STRIDES[index] ?? 1, rectified: index < STRIDES.length },
        ...{ weights: arranged(weights, shape), bias },
    }));
}

/** Weights (out, in, k, k) as the kernel walks over them: for 8 channels at once, line by line. */
function arranged(weights, [out, inputs, lines, columns]) {
    const made = new Float32Array(weights.length);
    let at = 0;
    for (let group = 0; group < out; group += GROUP) {
        for (let line = 0; line < lines; line += 1) {
            for (let column = 0; column < columns; column += 1) {
                for (let input = 0; input < inputs; input += 1) {
                    for (let channel = group; channel < group + GROUP; channel += 1, at += 1) {
                        made[at] = weights[((channel * inputs + input) * lines + line) * columns + column];
                    }
                }
            }
        }
    }
    return made;
}

/** A layer out of the file, in floats. */
function readLayer({ weights: { offset, type, shape }, bias }, file) {
    const view = new DataView(file);
    const numbers = (at, kind, count) => {
        if (at + BYTES[kind] * count > file.byteLength) throw new UserError("its file ends before its weights");
        const read = kind === "float16" ? (place) => halfAt(view, place) : (place) => view.getFloat32(place, true);
        return Float32Array.from({ length: count }, (_, index) => read(at + BYTES[kind] * index));
    };
    const count = shape.reduce((a, b) => a * b);
    return { shape, weights: numbers(offset, type, count), bias: numbers(bias, "float32", shape[0]) };
}

/** The number of 16 bits there (IEEE 754 binary16). */
function halfAt(view, place) {
    const bits = view.getUint16(place, true);
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? NaN : (1024 + fraction) * 2 ** (exponent - 25);
    return bits >> 15 ? -size : size;
}

/** A picture of twice the sides, each pixel four times. */
function doubled({ width, height, data }) {
    const made = { width: 2 * width, height: 2 * height, data: new Uint8ClampedArray(16 * width * height) };
    const [from, into] = [data, made.data].map(
        ({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length / 4),
    );
    into.forEach((_, at) => {
        const [x, y] = [at % made.width, Math.floor(at / made.width)];
        into[at] = from[(y >> 1) * width + (x >> 1)];
    });
    return made;
}

function isNear({ values, weights }, known) {
    const near = (one, other, unit) => Math.abs(one - other) <= TOLERANCE * unit;
    return DIALS.every(
        (_, dial) => near(values[dial], known.values[dial], 1) && near(weights[dial], known.weights[dial], known.weights[dial]),
    );
}
