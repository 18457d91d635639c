// The layers of a student in whole numbers, as pipeline/student/web_form.py defines them to the last bit.
//
// Compiled twice: with relaxed dots four activations of a byte each go into every lane of a product, without them two of
// 16 bits. The sums are the same. Pictures are NHWC with a border of one pixel; a tile is four pixels of a row with 16
// channels each. Who calls owns the memory (app/live/web/integer_engine.mjs) and gives each thread rows of its own.

const TILE_PX = 4;
const TILE_CHANNELS = 16;
const VECTOR: usize = 16; // bytes
const PIXEL_BYTES: usize = 4 * VECTOR; // of sums of a tile's pixel
const TILE_BYTES = usize(TILE_PX) * PIXEL_BYTES;
const COLOURS = 3;
const OPAQUE = 0xff000000;
const LANE: usize = 4;
const SHORT: usize = 2;
const RELAXED = ASC_FEATURE_RELAXED_SIMD;
const ACTIVATION: usize = RELAXED ? 1 : 2; // bytes
const MOST: f32 = 127; // of an activation

/** The pictures of a student and their sizes. Places are bytes of memory. */
@unmanaged
class Body {
    width: i32;
    height: i32;
    wide: i32; // the width, rounded up to tiles
    pixel: usize; // bytes of a pixel of activations
    rgba: usize; // the frame: (2 * height, 2 * width) of RGBA bytes
    frame: usize; // the same: (2 * height + 2, 2 * wide + 2, 3) i16
    trunk: usize; // (height, wide, channels) i16
    outer: usize; // what is read of the trunk: (height + 2, wide + 2, channels)
    inner: usize; // what is between a block's convolutions, the same
    picture: usize; // (4 * height, 4 * width) of RGBA bytes
}

/** A convolution: what it reads, by what it multiplies, and what becomes of the sums. */
@unmanaged
class Convolution {
    input: usize; // what the first pixel reads
    inputRow: usize; // bytes from there to the first pixel of the next row
    inputPixel: usize;
    line: usize; // bytes from one line of the kernel to the next
    lines: i32; // of the kernel
    steps: i32; // lanes of input that each of them takes
    channels: i32; // that it writes
    weights: usize; // by 16 channels, line, step and channel: a lane of each
    sums: usize; // (channels) i32: what sums begin with
    times: usize; // (channels) f32
    plus: usize; // (channels) f32
    gain: f32; // of the trunk's levels, where the next convolution reads them
    zero: i32; // the level that is zero there
    skip: usize; // of the tail: the convolution beside it
}

/** Where the sums of a tile are put: four pixels with four vectors each. Each thread has two of them. */
type Tile = usize;

/** A bicubic enlargement: four positions and weights for each of its columns and rows. */
@unmanaged
class Enlarging {
    source: usize; // RGBA bytes
    sourceRow: usize; // bytes
    into: usize; // RGBA bytes
    width: i32; // of `into`
    columns: usize; // (width, 4) u32: pixels of a source row
    columnWeights: usize; // (width, 4) f32
    rows: usize; // (height, 4) u32: source rows
    rowWeights: usize; // (height, 4) f32
    first: i32; // columns that are wanted
    end: i32;
    sourceFirst: i32; // pixels of a source row that these are made of
    sourceEnd: i32;
}

// Kernels, each for rows `from` to `to` of the body. Those of one kernel may run at the same time. Rows of
// an enlargement are its own.

/** The frame as 16-bit numbers; its border is never written. */
export function takeFrame(body: Body, _: Convolution, tile: Tile, from: i32, to: i32): void {
    const width = 2 * body.width;
    const none = i8x16.splat(0);
    for (let y = 2 * from; y < 2 * to; y++) {
        let source = body.rgba + usize(y * width) * LANE;
        let target = body.frame + usize((y + 1) * (2 * body.wide + 2) + 1) * 3 * SHORT;
        for (let x = 0; x < width; x += 2) {
            const pixels = v128.load64_zero(source);
            // prettier-ignore
            const colours = v128.shuffle<u8>(pixels, none, 0, 1, 2, 4, 5, 6, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16);
            const levels = i16x8.extend_low_i8x16_u(colours);
            v128.store64_lane(target, levels, 0);
            v128.store32_lane(target, levels, 2, 4 * SHORT);
            source += 2 * LANE;
            target += 6 * SHORT;
        }
    }
}

/** Four source rows become one in floats, in the thread's scratch behind its tiles; then four of its pixels each one. */
export function enlarge(plan: Enlarging, _: Convolution, tile: Tile, from: i32, to: i32): void {
    const line = tile + 2 * TILE_BYTES;
    for (let y = from; y < to; y++) {
        mixRows(plan, line, y);
        mixColumns(plan, line, plan.into + usize(y * plan.width) * LANE);
    }
}

/** The trunk begins. */
export function head(body: Body, layer: Convolution, tile: Tile, from: i32, to: i32): void {
    rows(body, layer, tile, from, to, Then.BEGIN);
}

/** The first convolution of a block, with its ReLU. */
export function first(body: Body, layer: Convolution, tile: Tile, from: i32, to: i32): void {
    rows(body, layer, tile, from, to, Then.ACTIVATE);
}

/** The second one, added to the trunk. */
export function second(body: Body, layer: Convolution, tile: Tile, from: i32, to: i32): void {
    rows(body, layer, tile, from, to, Then.ADD);
}

/** What becomes of a tile's sums. */
const enum Then {
    BEGIN,
    ACTIVATE,
    ADD,
}

/** A layer of the body, tile by tile; known while it is compiled, so that each kernel has its own loop. */
@inline
function rows(body: Body, layer: Convolution, tile: Tile, from: i32, to: i32, then: Then): void {
    const picture = then === Then.ACTIVATE ? body.inner : body.outer;
    const zero = then === Then.ACTIVATE ? 0 : layer.zero;
    for (let y = from; y < to; y++) {
        for (let x = 0; x < body.wide; x += TILE_PX) {
            for (let channel = 0; channel < layer.channels; channel += TILE_CHANNELS) {
                if (then === Then.BEGIN) {
                    sumShorts(layer, tile, channel, y, x);
                    begin(body, layer, tile, channel, y, x);
                } else {
                    sumActivations(layer, tile, channel, y, x);
                    if (then === Then.ADD) add(body, layer, tile, channel, y, x);
                    else activate(body, layer, tile, channel, y, x);
                }
            }
        }
        drawBorder(body, picture, y, zero);
    }
}

/** The tail and the skip: 4x4 pixels of RGBA for each one of the body. */
export function tail(body: Body, layer: Convolution, tile: Tile, from: i32, to: i32): void {
    const skip = changetype<Convolution>(layer.skip);
    for (let y = from; y < to; y++) {
        for (let x = 0; x < body.width; x += TILE_PX) {
            for (let colour = 0; colour < COLOURS; colour++) {
                sumShorts(skip, tile + TILE_BYTES, colour * TILE_CHANNELS, y, x);
                sumActivations(layer, tile, colour * TILE_CHANNELS, y, x);
                paint(body, layer, skip, tile, colour, y, x);
            }
        }
    }
}

// -- sums of a tile

/** Sums of 16-bit inputs, of two pixels at a time: eight sums and what they are made of fit into the registers of x86. */
function sumShorts(layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
    const begin = layer.sums + usize(channel) * LANE;
    const pixel = layer.inputPixel;
    const stepBytes = usize(layer.steps) * LANE;
    const first = layer.input + usize(y) * layer.inputRow + usize(x) * pixel;
    for (let pair: usize = 0; pair < 2; pair++) {
        let s00 = v128.load(begin), s01 = s00;
        let s10 = v128.load(begin, 16), s11 = s10;
        let s20 = v128.load(begin, 32), s21 = s20;
        let s30 = v128.load(begin, 48), s31 = s30;
        let weights = layer.weights + usize(channel * layer.lines * layer.steps) * LANE;
        let line = first + 2 * pair * pixel;
        for (let lines = layer.lines; lines > 0; lines--) {
            for (let at = line, end = line + stepBytes; at < end; at += LANE) {
                const a0 = v128.load32_splat(at);
                const a1 = v128.load32_splat(at + pixel);
                let w = v128.load(weights);
                s00 = dotShorts(w, a0, s00);
                s01 = dotShorts(w, a1, s01);
                w = v128.load(weights, 16);
                s10 = dotShorts(w, a0, s10);
                s11 = dotShorts(w, a1, s11);
                w = v128.load(weights, 32);
                s20 = dotShorts(w, a0, s20);
                s21 = dotShorts(w, a1, s21);
                w = v128.load(weights, 48);
                s30 = dotShorts(w, a0, s30);
                s31 = dotShorts(w, a1, s31);
                weights += 64;
            }
            line += layer.line;
        }
        const into = tile + 2 * pair * PIXEL_BYTES;
        v128.store(into, s00, 0);
        v128.store(into, s10, 16);
        v128.store(into, s20, 32);
        v128.store(into, s30, 48);
        v128.store(into, s01, 64);
        v128.store(into, s11, 80);
        v128.store(into, s21, 96);
        v128.store(into, s31, 112);
    }
}

@inline
function dotShorts(weights: v128, input: v128, sum: v128): v128 {
    return i32x4.add(sum, i32x4.dot_i16x8_s(weights, input));
}

function sumActivations(layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
    if (RELAXED) sumBytes(layer, tile, channel, y, x);
    else sumShorts(layer, tile, channel, y, x);
}

/** The same of bytes, of all four: where a relaxed dot is one instruction, it takes as long as several can begin. */
function sumBytes(layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
    const begin = layer.sums + usize(channel) * LANE;
    const pixel = layer.inputPixel;
    const steps = layer.steps;
    let s00 = v128.load(begin), s01 = s00, s02 = s00, s03 = s00;
    let s10 = v128.load(begin, 16), s11 = s10, s12 = s10, s13 = s10;
    let s20 = v128.load(begin, 32), s21 = s20, s22 = s20, s23 = s20;
    let s30 = v128.load(begin, 48), s31 = s30, s32 = s30, s33 = s30;
    let weights = layer.weights + usize(channel * layer.lines * steps) * LANE;
    let line = layer.input + usize(y) * layer.inputRow + usize(x) * pixel;
    for (let lines = layer.lines; lines > 0; lines--) {
        let at = line;
        for (const end = at + usize(steps) * LANE; at < end; at += LANE) {
            const a0 = v128.load32_splat(at);
            const a1 = v128.load32_splat(at + pixel);
            const a2 = v128.load32_splat(at + 2 * pixel);
            const a3 = v128.load32_splat(at + 3 * pixel);
            let w = v128.load(weights);
            s00 = dot(w, a0, s00);
            s01 = dot(w, a1, s01);
            s02 = dot(w, a2, s02);
            s03 = dot(w, a3, s03);
            w = v128.load(weights, 16);
            s10 = dot(w, a0, s10);
            s11 = dot(w, a1, s11);
            s12 = dot(w, a2, s12);
            s13 = dot(w, a3, s13);
            w = v128.load(weights, 32);
            s20 = dot(w, a0, s20);
            s21 = dot(w, a1, s21);
            s22 = dot(w, a2, s22);
            s23 = dot(w, a3, s23);
            w = v128.load(weights, 48);
            s30 = dot(w, a0, s30);
            s31 = dot(w, a1, s31);
            s32 = dot(w, a2, s32);
            s33 = dot(w, a3, s33);
            weights += 64;
        }
        line += layer.line;
    }
    v128.store(tile, s00, 0);
    v128.store(tile, s10, 16);
    v128.store(tile, s20, 32);
    v128.store(tile, s30, 48);
    v128.store(tile, s01, 64);
    v128.store(tile, s11, 80);
    v128.store(tile, s21, 96);
    v128.store(tile, s31, 112);
    v128.store(tile, s02, 128);
    v128.store(tile, s12, 144);
    v128.store(tile, s22, 160);
    v128.store(tile, s32, 176);
    v128.store(tile, s03, 192);
    v128.store(tile, s13, 208);
    v128.store(tile, s23, 224);
    v128.store(tile, s33, 240);
}

@inline
function dot(weights: v128, input: v128, sum: v128): v128 {
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(weights, input, sum);
}

// -- what becomes of the sums

/** A vector of sums times its multipliers, and its biases added. */
@inline
function scaled(layer: Convolution, sums: usize, channel: i32, vector: usize): v128 {
    const at = usize(channel) * LANE + vector * VECTOR;
    const product = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums + vector * VECTOR)), v128.load(layer.times + at));
    return f32x4.add(product, v128.load(layer.plus + at));
}

/** The nearest whole numbers, halves to even, within `low` to `high` (at most 2^21 from 0). */
@inline
function nearest(values: v128, low: f32, high: f32): v128 {
    const within = f32x4.pmin(f32x4.splat(high), f32x4.pmax(f32x4.splat(low), values));
    return i32x4.sub(f32x4.add(within, f32x4.splat(12582912)), i32x4.splat(0x4b400000)); // 1.5 * 2^23: no fraction is left
}

/** Two vectors of sums as 16-bit levels of the trunk. */
@inline
function trunkLevels(layer: Convolution, sums: usize, channel: i32, vector: usize): v128 {
    return i16x8.narrow_i32x4_s(
        nearest(scaled(layer, sums, channel, vector), -32768, 32767),
        nearest(scaled(layer, sums, channel, vector + 1), -32768, 32767),
    );
}

/** Four levels of the trunk as the next convolution reads them. */
@inline
function read(layer: Convolution, levels: v128): v128 {
    const values = f32x4.mul(f32x4.convert_i32x4_s(levels), f32x4.splat(layer.gain));
    return i32x4.add(nearest(values, -f32(layer.zero), MOST - f32(layer.zero)), i32x4.splat(layer.zero));
}

@inline
function storeActivations(at: usize, a: v128, b: v128, c: v128, d: v128): void {
    const low = i16x8.narrow_i32x4_s(a, b);
    const high = i16x8.narrow_i32x4_s(c, d);
    if (RELAXED) {
        v128.store(at, i8x16.narrow_i16x8_s(low, high));
    } else {
        v128.store(at, low);
        v128.store(at, high, VECTOR);
    }
}

@inline
function activationAt(body: Body, picture: usize, channel: i32, y: i32, x: i32): usize {
    return picture + usize((y + 1) * (body.wide + 2) + x + 1) * body.pixel + usize(channel) * ACTIVATION;
}

@inline
function trunkAt(body: Body, layer: Convolution, channel: i32, y: i32, x: i32): usize {
    return body.trunk + usize((y * body.wide + x) * layer.channels + channel) * SHORT;
}

/** Sixteen channels of a pixel of the trunk, and what the next convolution reads of them. */
@inline
function storeTrunk(layer: Convolution, trunk: usize, outer: usize, low: v128, high: v128): void {
    v128.store(trunk, low);
    v128.store(trunk, high, VECTOR);
    storeActivations(
        outer,
        read(layer, i32x4.extend_low_i16x8_s(low)),
        read(layer, i32x4.extend_high_i16x8_s(low)),
        read(layer, i32x4.extend_low_i16x8_s(high)),
        read(layer, i32x4.extend_high_i16x8_s(high)),
    );
}

function begin(body: Body, layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
    const nothing = i16x8.splat(0);
    let trunk = trunkAt(body, layer, channel, y, x);
    let outer = activationAt(body, body.outer, channel, y, x);
    for (let sums = tile; sums < tile + TILE_BYTES; sums += PIXEL_BYTES) {
        const low = i16x8.max_s(trunkLevels(layer, sums, channel, 0), nothing);
        const high = i16x8.max_s(trunkLevels(layer, sums, channel, 2), nothing);
        storeTrunk(layer, trunk, outer, low, high);
        trunk += usize(layer.channels) * SHORT;
        outer += body.pixel;
    }
}

function add(body: Body, layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
    let trunk = trunkAt(body, layer, channel, y, x);
    let outer = activationAt(body, body.outer, channel, y, x);
    for (let sums = tile; sums < tile + TILE_BYTES; sums += PIXEL_BYTES) {
        const low = i16x8.add_sat_s(v128.load(trunk), trunkLevels(layer, sums, channel, 0));
        const high = i16x8.add_sat_s(v128.load(trunk, VECTOR), trunkLevels(layer, sums, channel, 2));
        storeTrunk(layer, trunk, outer, low, high);
        trunk += usize(layer.channels) * SHORT;
        outer += body.pixel;
    }
}

function activate(body: Body, layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
    let inner = activationAt(body, body.inner, channel, y, x);
    for (let sums = tile; sums < tile + TILE_BYTES; sums += PIXEL_BYTES) {
        storeActivations(
            inner,
            nearest(scaled(layer, sums, channel, 0), 0, MOST),
            nearest(scaled(layer, sums, channel, 1), 0, MOST),
            nearest(scaled(layer, sums, channel, 2), 0, MOST),
            nearest(scaled(layer, sums, channel, 3), 0, MOST),
        );
        inner += body.pixel;
    }
}

/** A colour of the tile's pixels, whose channels are four rows of four columns; the skip's sums lie behind the tail's. */
function paint(body: Body, layer: Convolution, skip: Convolution, tile: Tile, colour: i32, y: i32, x: i32): void {
    const row = usize(4 * body.width) * LANE;
    const channel = colour * TILE_CHANNELS;
    let pixels = body.picture + usize(4 * y) * row + usize(4 * x) * LANE;
    const end = tile + usize(min(TILE_PX, body.width - x)) * PIXEL_BYTES;
    for (let sums = tile; sums < end; sums += PIXEL_BYTES) {
        for (let vector: usize = 0; vector < 4; vector++) {
            const at = usize(channel) * LANE + vector * VECTOR;
            const product = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums + vector * VECTOR)), v128.load(layer.times + at));
            const value = f32x4.add(product, scaled(skip, sums + TILE_BYTES, channel, vector));
            const levels = i32x4.shl(nearest(value, 0, 255), 8 * colour);
            const place = pixels + vector * row;
            const before = colour === 0 ? i32x4.splat(OPAQUE) : v128.load(place);
            v128.store(place, v128.or(before, levels));
        }
        pixels += VECTOR;
    }
}

function mixRows(plan: Enlarging, line: usize, y: i32): void {
    const taps = usize(y) * VECTOR;
    const rows = plan.rows + taps;
    const start = plan.source + usize(plan.sourceFirst) * LANE;
    const row0 = start + usize(load<u32>(rows)) * plan.sourceRow;
    const row1 = start + usize(load<u32>(rows, 4)) * plan.sourceRow;
    const row2 = start + usize(load<u32>(rows, 8)) * plan.sourceRow;
    const row3 = start + usize(load<u32>(rows, 12)) * plan.sourceRow;
    const weights = plan.rowWeights + taps;
    const w0 = v128.load32_splat(weights);
    const w1 = v128.load32_splat(weights, 4);
    const w2 = v128.load32_splat(weights, 8);
    const w3 = v128.load32_splat(weights, 12);
    const bytes = usize(plan.sourceEnd - plan.sourceFirst) * LANE;
    let into = line + usize(plan.sourceFirst) * VECTOR;
    for (let at: usize = 0; at < bytes; at += LANE) {
        const upper = f32x4.add(f32x4.mul(pixelAt(row0 + at), w0), f32x4.mul(pixelAt(row1 + at), w1));
        const lower = f32x4.add(f32x4.mul(pixelAt(row2 + at), w2), f32x4.mul(pixelAt(row3 + at), w3));
        v128.store(into, f32x4.add(upper, lower));
        into += VECTOR;
    }
}

@inline
function pixelAt(at: usize): v128 {
    return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))));
}

function mixColumns(plan: Enlarging, line: usize, into: usize): void {
    let taps = usize(plan.first) * VECTOR;
    const end = usize(plan.end) * VECTOR;
    for (let at = into + usize(plan.first) * LANE; taps < end; taps += VECTOR, at += LANE) {
        const columns = plan.columns + taps;
        const weights = plan.columnWeights + taps;
        const before = f32x4.add(tap(line, columns, weights, 0), tap(line, columns, weights, 1));
        const after = f32x4.add(tap(line, columns, weights, 2), tap(line, columns, weights, 3));
        const levels = nearest(f32x4.add(before, after), 0, 255);
        const words = i16x8.narrow_i32x4_s(levels, levels);
        v128.store32_lane(at, v128.or(i8x16.narrow_i16x8_u(words, words), i32x4.splat(OPAQUE)), 0);
    }
}

@inline
function tap(line: usize, columns: usize, weights: usize, index: usize): v128 {
    const pixel = line + usize(load<u32>(columns + index * LANE)) * VECTOR;
    return f32x4.mul(v128.load(pixel), v128.load32_splat(weights + index * LANE));
}

/** Zero around a row of activations, and beyond the first and the last one. */
function drawBorder(body: Body, picture: usize, y: i32, zero: i32): void {
    const row = usize(body.wide + 2) * body.pixel;
    const left = picture + usize(y + 1) * row;
    fill(left, body.pixel, zero);
    fill(left + usize(body.width + 1) * body.pixel, body.pixel, zero);
    if (y === 0) fill(picture, row, zero);
    if (y === body.height - 1) fill(left + row, row, zero);
}

function fill(at: usize, bytes: usize, zero: i32): void {
    const levels = RELAXED ? i8x16.splat(<i8>zero) : i16x8.splat(<i16>zero);
    for (let offset: usize = 0; offset < bytes; offset += VECTOR) v128.store(at + offset, levels);
}
