// Dials: four numbers that describe the camera, and that fold into a student's weights and biases. The same arithmetic as
// pipeline/student/dials.py, in doubles: sums, products, maxima and quotients only. Tests hold the bytes to Python's.

import { UserError } from "./messages.mjs";

export const DIALS = ["blur", "noise", "sharpening", "compression"]; // each 0 (none) to 1 (as much as cameras do)
const ADJECTIVES = ["blurred", "noisy", "sharpened", "compressed"];
const CLEAN = "clean";
const DEGREES = [
    [0.12, () => null],
    [0.35, (adjective) => `a little ${adjective}`],
    [0.65, (adjective) => adjective],
    [Infinity, (adjective) => `very ${adjective}`],
];
const WORD = 4; // bytes of a float

/** What `dials` say of a camera, as "a little blurred, noisy"; "clean" where that is nothing. */
export function describe(dials) {
    const said = ADJECTIVES.map((adjective, index) => DEGREES.find(([below]) => dials[index] < below)[1](adjective));
    return said.filter(Boolean).join(", ") || CLEAN;
}

/** Each dial with its value, as "blur 0.31, noise 0.62, sharpening 0.05, compression 0.44". */
export function amounts(dials) {
    return DIALS.map((name, index) => `${name} ${dials[index].toFixed(2)}`).join(", ");
}

/**
 * The dials of a contract of format 2, checked: {neutral, hidden, bias, out, layers}.
 *
 * @throws {UserError} naming what is not valid
 */
export function readDials({ dials }, title) {
    const check = (right, problem) => {
        if (!right) throw invalid(title, problem);
    };
    check(String(dials?.names) === String(DIALS), `names must be ${DIALS.join(", ")}`);
    check(String(dials.range) === "0,1", "range must be 0 to 1");
    check(isSetting(dials.neutral), `neutral must be ${DIALS.length} numbers from 0 to 1`);
    const layers = readLayers(dials.layers, check);
    const channels = layers.reduce((sum, layer) => sum + layer.channels, 0);
    const { hidden_weight, hidden_bias, out_weight } = dials.perceptron ?? {};
    const width = hidden_bias?.shape?.[0];
    const matrix = (name, packed, shape) => {
        const floats = unpackFloats(packed);
        const fits = String(packed?.shape) === String(shape) && floats?.length === shape.reduce((a, b) => a * b);
        check(fits && floats.every(Number.isFinite), `perceptron.${name} must hold ${shape.join("x")} finite numbers`);
        return floats;
    };
    return {
        neutral: [...dials.neutral],
        bias: matrix("hidden_bias", hidden_bias, [width]),
        hidden: matrix("hidden_weight", hidden_weight, [width, DIALS.length]),
        out: matrix("out_weight", out_weight, [2 * channels, width]),
        layers,
    };
}

/** Whether `dials` are as many numbers in 0..1 as there are dials. */
export function isSetting(dials) {
    return Array.isArray(dials) && dials.length === DIALS.length && dials.every((dial) => dial >= 0 && dial <= 1);
}

/** A sentence on dials that are not valid, to be thrown. */
export function invalid(title, problem) {
    return new UserError(`The dials in the contract of ${title} are not valid (${problem}). Export the student again.`);
}

function readLayers(layers, check) {
    check(Array.isArray(layers) && layers.length > 0, "layers must name the convolutions");
    return layers.map((layer) => {
        const { name, channels, fan_in: fanIn, float } = layer ?? {};
        const sizes = [channels, fanIn].every((size) => Number.isInteger(size) && size > 0);
        const offsets = [float?.weight, float?.bias].every((offset) => Number.isInteger(offset) && offset >= 0);
        check(sizes && offsets, `layers: ${name} must have channels, fan_in and offsets into the float file`);
        return { name, channels, fanIn, weight: float.weight, bias: float.bias };
    });
}

/** The floats of a packed array; null where it is none. */
export function unpackFloats(packed) {
    try {
        const bytes = Uint8Array.from(atob(packed.base64), (character) => character.charCodeAt(0));
        return new Float32Array(bytes.buffer); // little endian, as every machine with a browser is
    } catch {
        return null;
    }
}

/** Whether every layer's weights and biases lie within a float file of `length` bytes. */
export function fitsFile({ layers }, length) {
    return layers.every(
        ({ channels, fanIn, weight, bias }) => weight + WORD * channels * fanIn <= length && bias + WORD * channels <= length,
    );
}

/**
 * The float ONNX file of `bytes` for `dials` (as `readDials` returns them) set to `setting`, a new Uint8Array.
 * The file as it is shipped holds the neutral setting, so factors and offsets are relative to that.
 */
export function fold(bytes, dials, setting) {
    const folded = new Uint8Array(bytes).slice();
    const view = new DataView(folded.buffer);
    turnsAt(dials, setting).forEach(({ factor, offset }, index) => {
        factor.forEach((each, channel) => turn(view, dials.layers[index], channel, each, offset[channel]));
    });
    return folded;
}

/** What `setting` does to the channels of each layer: {name, factor, offset}. */
export function turnsAt(dials, setting) {
    const raw = perceive(dials, setting);
    const channels = raw.length / 2;
    let first = 0; // of this layer's channels among all
    return dials.layers.map(({ name, channels: count }) => {
        const [factor, offset] = [
            raw.slice(first, first + count).map(positive),
            raw.slice(channels + first, channels + first + count),
        ];
        first += count;
        return { name, factor, offset };
    });
}

function turn(view, { fanIn, weight, bias }, channel, factor, offset) {
    const start = weight + WORD * fanIn * channel;
    for (let at = start; at < start + WORD * fanIn; at += WORD) scale(view, at, factor, 0);
    scale(view, bias + WORD * channel, factor, offset);
}

function scale(view, at, factor, offset) {
    view.setFloat32(at, view.getFloat32(at, true) * factor + offset, true);
}

/** What the perceptron says: for each channel of each layer a number for its factor, then for each its offset. */
function perceive({ neutral, hidden, bias, out }, setting) {
    const change = difference(layer(hidden, bias, setting), layer(hidden, bias, neutral));
    return multiply(out, change);
}

function layer(weight, bias, input) {
    return multiply(weight, input).map((sum, index) => Math.max(sum + bias[index], 0));
}

function difference(one, other) {
    return one.map((value, index) => value - other[index]);
}

/** A matrix, row by row, times a vector. */
function multiply(matrix, vector) {
    const columns = vector.length;
    return Float64Array.from({ length: matrix.length / columns }, (_, row) => {
        let sum = 0;
        for (let column = 0; column < columns; column += 1) sum += matrix[row * columns + column] * vector[column];
        return sum;
    });
}

/** 1 + x above zero, 1 / (1 - x) below: a factor that stays positive, and is 1 at zero. */
function positive(x) {
    return x >= 0 ? 1 + x : 1 / (1 - x);
}
