// The web form of a student: the network in whole numbers, as pipeline/student/web_form.py defines it. What depends on
// the dials is computed here once for each setting, in doubles and in Python's order, then rounded to floats.

import { turnsAt, unpackFloats } from "./dials.mjs";
import { roundHalfEven } from "./geometry.mjs";
import { UserError } from "./messages.mjs";
import { FINEST, rangesAt } from "./ranges.mjs";

const DEFINITION = 1; // of what is computed
const MOST = 127; // of what a 3x3 convolution reads
const SUFFIX = "_web.bin"; // of the file's name
const SCALE = 2;
const SETTINGS = 81; // three positions of each of four dials
const TRUNK_MOST = 2 ** 14;
const LEAST_STEP = 1e-9; // of the trunk
const LEVELS = 255; // of a pixel
const PICTURE = 48; // channels of the answer: colours of 4x4 pixels
const TYPES = { int8: Int8Array, int16: Int16Array };

/**
 * The web form of a contract: {file, sha256, channels, blocks, table, layers}; null where it has none of this definition.
 *
 * @throws {UserError} naming what is not valid
 */
export function readWeb({ web, dials, files, scale }, title) {
    if (web?.definition !== DEFINITION) return null;
    const { channels, blocks, layers } = web;
    const check = (right, problem) => {
        if (!right) throw new UserError(`The web form in the contract of ${title} is not valid (${problem}). Export it again.`);
    };
    const file = Object.keys(files).find((name) => name.endsWith(SUFFIX));
    check(file, "files names none");
    check(scale === SCALE, `its scale is not ${SCALE}`);
    check([16, 32].includes(channels) && Number.isInteger(blocks) && blocks > 0, "channels and blocks must be known ones");
    const names = networkOf(channels, blocks).map(([name, type, shape]) => `${name} ${type} ${shape}`);
    const found = Array.from(layers ?? [], (layer) => `${layer?.name} ${layer?.weights?.type} ${layer?.weights?.shape}`);
    check(String(found) === String(names), "its layers are others than its network's");
    const turned = dials.layers.map(({ name, channels: count }) => `${name} ${count}`);
    const known = layers.filter(({ name }) => name !== "skip").map(({ name, weights }) => `${name} ${weights.shape[0]}`);
    check(String(turned) === String(known), "its layers are others than those of the dials");
    const tensors = dials.ranges?.tensors?.length;
    const [low, high] = ["low", "high"].map((name) => unpackFloats(dials.ranges?.[name]));
    const fits = (reach) => reach?.length === SETTINGS * tensors && reach.every(Number.isFinite);
    check(fits(low) && fits(high), `dials.ranges must hold finite ranges at ${SETTINGS} settings`);
    const isKnown = ({ name, reads }) => readsFrame(name) || (Number.isInteger(reads) && reads >= 0 && reads < tensors);
    check(layers.every(isKnown), "its layers read tensors that dials.ranges does not hold");
    return { file, sha256: files[file], channels, blocks, table: { low, high }, layers };
}

/** The convolutions in the file's order: name, and type and shape (out, k, k, in) of the weights. */
function networkOf(channels, blocks) {
    const square = [channels, 3, 3, channels];
    const names = Array.from({ length: blocks }, (_, block) => [`body.${block}.first`, `body.${block}.second`]).flat();
    return [
        ["head", "int16", [channels, 4, 4, 3]],
        ...names.map((name) => [name, "int8", square]),
        ["tail", "int8", [PICTURE, 3, 3, channels]],
        ["skip", "int16", [PICTURE, 4, 4, 3]],
    ];
}

function readsFrame(name) {
    return name === "head" || name === "skip";
}

/** A student's weights, and the numbers that its layers take at any dials. */
export class WebForm {
    /** Of a model with a web form, as `loadModel` gives it. Throws UserError where its file ends before its weights. */
    constructor({ title, contract, bytes }) {
        const { dials, web: section } = contract;
        Object.assign(this, { dials, table: section.table, channels: section.channels });
        this.layers = new Map(section.layers.map((layer) => [layer.name, readLayer(layer, bytes, title)]));
        this.blocks = Array.from({ length: section.blocks }, (_, block) => `body.${block}`);
    }

    /**
     * What each layer, by its name, takes at `setting`: its sums begin with `sums`, and become sums * `times` + `plus`;
     * levels of the trunk times `gain` plus `zero` are what the next layer reads.
     */
    at(setting) {
        const [turned, reads] = [this.#turned(setting), this.#readings(setting)];
        const readers = [...this.blocks.map((block) => `${block}.first`), "tail"]; // of the trunk, one after the other
        const trunk = Math.max(Math.max(...readers.map((name) => reads[name].reach)) / TRUNK_MOST, LEAST_STEP);
        const numbers = {};
        const put = (name, times, plus, next) => {
            const [{ scale, bias }, zero] = [turned[name], reads[name]?.zero ?? 0];
            numbers[name] = {
                sums: this.layers.get(name).totals.map((total) => -zero * total),
                times: Float32Array.from(scale, times),
                plus: Float32Array.from(bias, plus),
                gain: next ? trunk / reads[next].step : 0,
                zero: next ? reads[next].zero : 0,
            };
        };
        const toTrunk = (bias) => bias / trunk;
        put("head", (scale) => scale / LEVELS / trunk, toTrunk, readers[0]);
        this.blocks.forEach((block, index) => {
            const [first, second] = [`${block}.first`, `${block}.second`];
            const [outer, inner] = [reads[first].step, reads[second].step];
            put(
                first,
                (scale) => (outer * scale) / inner,
                (bias) => bias / inner,
            );
            put(second, (scale) => (inner * scale) / trunk, toTrunk, readers[index + 1]);
        });
        put(
            "tail",
            (scale) => reads.tail.step * scale * LEVELS,
            () => 0,
        ); // the skip has its bias
        put(
            "skip",
            (scale) => scale,
            (bias, channel) => (turned.tail.bias[channel] + bias) * LEVELS,
        );
        return numbers;
    }

    /** Scales and biases of the layers with the dials in them. */
    #turned(setting) {
        const turned = Object.fromEntries(this.layers);
        for (const { name, factor, offset } of turnsAt(this.dials, setting)) {
            const { scale, bias } = turned[name];
            turned[name] = {
                scale: Float64Array.from(scale, (value, channel) => value * factor[channel]),
                bias: Float64Array.from(bias, (value, channel) => value * factor[channel] + offset[channel]),
            };
        }
        return turned;
    }

    /** How the 3x3 convolutions read: the value of a `step`, the whole number that is `zero`, and how far values `reach`. */
    #readings(setting) {
        const ranges = rangesAt(this.table, setting, this.dials.neutral);
        const reading = ({ name, reads }) => {
            const { low, high } = ranges[reads];
            const step = Math.max(high - low, FINEST) / MOST;
            const isRectified = name.endsWith(".second"); // it reads what comes from a ReLU
            const zero = isRectified ? 0 : Math.min(Math.max(roundHalfEven(-low / step), 0), MOST);
            return [name, { step, zero, reach: Math.max(-low, high) }];
        };
        return Object.fromEntries([...this.layers.values()].filter(({ name }) => !readsFrame(name)).map(reading));
    }
}

/** A layer out of the file: its `weights` with their `shape`, `scale` and `bias`, and the `totals` of each channel. */
function readLayer({ name, weights: { offset, type, shape }, scale, bias, reads }, file, title) {
    const take = (Type, at, count) => {
        if (at % Type.BYTES_PER_ELEMENT !== 0 || at + Type.BYTES_PER_ELEMENT * count > file.byteLength) {
            throw new UserError(`The web form of ${title} ends before its weights (${file.byteLength} bytes). Export it again.`);
        }
        return new Type(file, at, count); // little endian, as every machine with a browser is
    };
    const channels = shape[0];
    const weights = take(
        TYPES[type],
        offset,
        shape.reduce((a, b) => a * b),
    );
    const size = weights.length / channels;
    const totals = Int32Array.from({ length: channels }, (_, channel) =>
        weights.subarray(channel * size, (channel + 1) * size).reduce((sum, weight) => sum + weight, 0),
    );
    const [scales, biases] = [scale, bias].map((at) => take(Float32Array, at, channels));
    if (![...scales, ...biases].every(Number.isFinite)) {
        throw new UserError(`The web form of ${title} holds values that are NaN or infinite. Export it again.`);
    }
    return { name, reads, shape, weights, totals, scale: scales, bias: biases };
}
