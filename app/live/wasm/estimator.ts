// The network that reads the camera's dials from a window of its frame, in floats (training/models/estimator.py).
//
// Pictures are NHWC with a border of zeros as wide as the kernel of the convolution that reads them needs. Sums are added up in
// one order and no instruction is relaxed, so that every browser has the same bits.

const TILE_PX = 4;
const TILE_CHANNELS = 8;
const VECTOR: usize = 16; // bytes
const LANE: usize = 4;
const COLOURS: usize = 3;
const LEVELS: f32 = 255;
const NEIGHBOURS: f32 = 9; // and itself
const DETAIL_GAIN: f32 = 12;
const MIDDLE: f32 = 0.5;

/**
 * What the network reads of a window: its colours, and how they differ from the mean of 3x3 pixels.
 *
 * `window` is RGBA with a border of one pixel of zeros; `into` the first pixel of (height, width, 6) floats, in rows of so
 * many bytes.
 */
export function look(window: usize, into: usize, intoRow: usize, width: i32, height: i32): void {
    const row = usize(width + 2) * LANE;
    for (let y = 0; y < height; y++) {
        let at = window + usize(y) * row;
        let pixel = into + usize(y) * intoRow;
        for (let x = 0; x < width; x++) {
            const sum = f32x4.add(f32x4.add(three(at), three(at + row)), three(at + 2 * row));
            const level = f32x4.div(pixelAt(at + row + LANE), f32x4.splat(LEVELS));
            const mean = f32x4.div(sum, f32x4.splat(NEIGHBOURS * LEVELS));
            const detail = f32x4.mul(f32x4.sub(level, mean), f32x4.splat(DETAIL_GAIN));
            v128.store(pixel, f32x4.sub(level, f32x4.splat(MIDDLE))); // its alpha is written over
            v128.store(pixel + COLOURS * LANE, v128.and(between(detail), colours()));
            at += LANE;
            pixel += 2 * COLOURS * LANE;
        }
    }
}

/**
 * A convolution, with its ReLU where it is to be rectified. `input` is where the kernel begins for the first pixel, in rows and
 * pixels of so many bytes; a line of the kernel reads `steps` floats. `weights` are by 8 channels, line, step and channel.
 * Both sides of what it gives are at least 4 pixels; its first one lies at `into`, in rows of `intoRow` bytes.
 */
export function convolve(
    input: usize,
    inputRow: usize,
    inputPixel: usize,
    stride: i32,
    lines: i32,
    steps: i32,
    weights: usize,
    bias: usize,
    channels: i32,
    into: usize,
    intoRow: usize,
    width: i32,
    height: i32,
    rectified: bool,
): void {
    const stepX = usize(stride) * inputPixel;
    const stepY = usize(stride) * inputRow;
    const groupBytes = usize(lines * steps) * 2 * VECTOR;
    for (let y = 0; y < height; y++) {
        for (let group = 0; group * TILE_CHANNELS < channels; group++) {
            const own = weights + usize(group) * groupBytes;
            for (let x = 0; x < width; x += TILE_PX) {
                const first = min(x, width - TILE_PX); // the last tile may lie over the one before
                const from = input + usize(y) * stepY + usize(first) * stepX;
                const pixel = into + usize(y) * intoRow + usize(first * channels + group * TILE_CHANNELS) * LANE;
                tile(from, inputRow, stepX, lines, steps, own, bias + usize(group) * 2 * VECTOR, pixel, channels, rectified);
            }
        }
    }
}

/** Four pixels with eight channels each: their sums and what they are made of fit into the registers of x86. */
function tile(
    input: usize,
    inputRow: usize,
    stepX: usize,
    lines: i32,
    steps: i32,
    weights: usize,
    bias: usize,
    into: usize,
    channels: i32,
    rectified: bool,
): void {
    let s00 = v128.load(bias), s01 = s00, s02 = s00, s03 = s00;
    let s10 = v128.load(bias, VECTOR), s11 = s10, s12 = s10, s13 = s10;
    for (let line = 0; line < lines; line++) {
        let at = input + usize(line) * inputRow;
        for (const end = at + usize(steps) * LANE; at < end; at += LANE) {
            const w0 = v128.load(weights);
            const w1 = v128.load(weights, VECTOR);
            const a0 = v128.load32_splat(at);
            s00 = f32x4.add(s00, f32x4.mul(w0, a0));
            s10 = f32x4.add(s10, f32x4.mul(w1, a0));
            const a1 = v128.load32_splat(at + stepX);
            s01 = f32x4.add(s01, f32x4.mul(w0, a1));
            s11 = f32x4.add(s11, f32x4.mul(w1, a1));
            const a2 = v128.load32_splat(at + 2 * stepX);
            s02 = f32x4.add(s02, f32x4.mul(w0, a2));
            s12 = f32x4.add(s12, f32x4.mul(w1, a2));
            const a3 = v128.load32_splat(at + 3 * stepX);
            s03 = f32x4.add(s03, f32x4.mul(w0, a3));
            s13 = f32x4.add(s13, f32x4.mul(w1, a3));
            weights += 2 * VECTOR;
        }
    }
    const pixel = usize(channels) * LANE;
    const least = f32x4.splat(rectified ? 0 : -Infinity);
    put(into, s00, s10, least);
    put(into + pixel, s01, s11, least);
    put(into + 2 * pixel, s02, s12, least);
    put(into + 3 * pixel, s03, s13, least);
}

@inline
function put(at: usize, low: v128, high: v128, least: v128): void {
    v128.store(at, f32x4.pmax(least, low));
    v128.store(at, f32x4.pmax(least, high), VECTOR);
}

/** The sum of three pixels beside each other. */
@inline
function three(at: usize): v128 {
    return f32x4.add(f32x4.add(pixelAt(at), pixelAt(at + LANE)), pixelAt(at + 2 * LANE));
}

@inline
function pixelAt(at: usize): v128 {
    return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))));
}

@inline
function between(values: v128): v128 {
    return f32x4.pmin(f32x4.splat(1), f32x4.pmax(f32x4.splat(-1), values));
}

/** Lanes of colours: beyond the last pixel of a row lies the border. */
@inline
function colours(): v128 {
    return i32x4(-1, -1, -1, 0);
}
