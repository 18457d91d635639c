// What becomes of a tile's sums: levels of the trunk, activations, or colours; and the border around them.

import { ACTIVATION, LANE, MOST, OPAQUE, PIXEL_BYTES, RELAXED, SHORT, TILE_BYTES, TILE_CHANNELS, TILE_PX, VECTOR, Body, Convolution, Tile } from "./records";
import { nearest } from "./rounding";

// -- what becomes of the sums

/** A vector of sums times its multipliers, and its biases added. */
@inline
function scaled(layer: Convolution, sums: usize, channel: i32, vector: usize): v128 {
    const at = usize(channel) * LANE + vector * VECTOR;
    const product = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums + vector * VECTOR)), v128.load(layer.times + at));
    return f32x4.add(product, v128.load(layer.plus + at));
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

export function begin(body: Body, layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
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

export function add(body: Body, layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
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

export function activate(body: Body, layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
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
export function paint(body: Body, layer: Convolution, skip: Convolution, tile: Tile, colour: i32, y: i32, x: i32): void {
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

/** Zero around a row of activations, and beyond the first and the last one. */
export function drawBorder(body: Body, picture: usize, y: i32, zero: i32): void {
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
