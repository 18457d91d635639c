// Loops over pixels, without DOM and without ONNX Runtime. Pictures are {width, height, data}: RGBA, one byte each.

/** A new black picture. */
export function picture(width, height) {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
}

/** A picture out of the contract's packed (H, W, 3) levels. */
export function unpackPicture({ shape, base64 }) {
    const [height, width] = shape;
    const levels = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const made = picture(width, height);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
        for (let channel = 0; channel < 3; channel += 1) made.data[4 * pixel + channel] = levels[3 * pixel + channel];
        made.data[4 * pixel + 3] = 255;
    }
    return made;
}

/** The `box` of a picture as (1, 3, H, W) floats in 0..1, into `batch`. */
export function toBatch({ width, data }, box, batch) {
    const plane = box.width * box.height;
    let out = 0;
    for (let row = box.y; row < box.y + box.height; row += 1) {
        let pixel = 4 * (row * width + box.x);
        for (let column = 0; column < box.width; column += 1, out += 1, pixel += 4) {
            batch[out] = LEVELS[data[pixel]];
            batch[plane + out] = LEVELS[data[pixel + 1]];
            batch[2 * plane + out] = LEVELS[data[pixel + 2]];
        }
    }
}

const LEVELS = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/** Columns `from`..`to` of a (1, 3, H, W) answer of `width` columns, clamped and rounded, at column `at` of `into`. */
export function fromBatch(batch, width, into, { from, to, at }) {
    const plane = width * into.height;
    const pixels = new Uint32Array(into.data.buffer);
    for (let row = 0; row < into.height; row += 1) {
        let out = row * into.width + at;
        for (let i = row * width + from; i < row * width + to; i += 1, out += 1) {
            let red = batch[i] * 255 + 0.5;
            let green = batch[plane + i] * 255 + 0.5;
            let blue = batch[2 * plane + i] * 255 + 0.5;
            red = red < 0 ? 0 : red > 255 ? 255 : red;
            green = green < 0 ? 0 : green > 255 ? 255 : green;
            blue = blue < 0 ? 0 : blue > 255 ? 255 : blue;
            pixels[out] = OPAQUE | (blue << 16) | (green << 8) | red; // one store a pixel: twice as fast as four
        }
    }
}

const OPAQUE = 0xff000000;

/** The same answer laid over the picture that is there already: there + strength * (answer - there). */
export function blendBatch(batch, width, into, { from, to, at }, strength) {
    const plane = width * into.height;
    const { data } = into;
    const rest = 1 - strength;
    for (let row = 0; row < into.height; row += 1) {
        let out = 4 * (row * into.width + at);
        for (let i = row * width + from; i < row * width + to; i += 1, out += 4) {
            data[out] = rest * data[out] + strength * level(batch[i]); // a clamped array rounds
            data[out + 1] = rest * data[out + 1] + strength * level(batch[plane + i]);
            data[out + 2] = rest * data[out + 2] + strength * level(batch[2 * plane + i]);
        }
    }
}

function level(value) {
    return value < 0 ? 0 : value > 1 ? 255 : 255 * value;
}

/** Columns `from`..`to` of a picture laid over the one that is there already, as blendBatch does it. */
export function blendPicture({ width, data: levels }, into, { from, to, at }, strength) {
    const { data } = into;
    const rest = 1 - strength;
    for (let row = 0; row < into.height; row += 1) {
        let out = 4 * (row * into.width + at);
        for (let i = 4 * (row * width + from); i < 4 * (row * width + to); i += 4, out += 4) {
            for (let channel = 0; channel < 3; channel += 1) {
                data[out + channel] = rest * data[out + channel] + strength * levels[i + channel];
            }
        }
    }
}

/** Columns `from`..`to` of the `box` of `source`, as they are, at column `at` of `into`. */
export function copy(source, box, into, { from, to, at }) {
    const [pixels, out] = [source, into].map(({ data }) => new Uint32Array(data.buffer, data.byteOffset, data.length / 4));
    for (let row = 0; row < into.height; row += 1) {
        const start = (box.y + row) * source.width + box.x;
        out.set(pixels.subarray(start + from, start + to), row * into.width + at);
    }
}

/** The largest difference of two pictures' levels; Infinity where their sizes differ. */
export function largestDifference(one, other) {
    if (one.width !== other.width || one.height !== other.height) return Infinity;
    return one.data.reduce((largest, level, index) => Math.max(largest, Math.abs(level - other.data[index])), 0);
}

/** The CRC-32 of a picture's levels without their alpha, as zlib computes it. */
export function checksum({ data }) {
    let crc = -1;
    for (let i = 0; i < data.length; i += 1) if (i % 4 !== 3) crc = CRC[(crc ^ data[i]) & 255] ^ (crc >>> 8);
    return ~crc >>> 0;
}

/** What eight zeros more do to each byte of a CRC. */
const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    return crc;
});

const SPREAD = 97; // a prime: it wanders over the columns

/** {finite, low, high} of values spread over an answer. */
export function sampleOf(values) {
    let [finite, low, high] = [true, Infinity, -Infinity];
    for (let i = 0; i < values.length; i += SPREAD) {
        finite &&= Number.isFinite(values[i]);
        low = Math.min(low, values[i]);
        high = Math.max(high, values[i]);
    }
    return { finite, low, high };
}

const CONTENT = 16 / 255; // a frame's contrast from which its picture may not be plain
const PLAIN = 1 / 255;

/** What is wrong with an answer ("numbers", "plain"), judged by samples of what went in and what came out; or null. */
export function fault(input, output) {
    if (!output.finite) return "numbers";
    const shown = Math.min(1, output.high) - Math.max(0, output.low);
    return input.high - input.low > CONTENT && shown < PLAIN ? "plain" : null;
}
