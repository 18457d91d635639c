// Sums of a tile: four pixels with 16 channels each, of inputs of 16 bits or of a byte.

import { LANE, PIXEL_BYTES, RELAXED, Convolution, Tile } from "./records";

// -- sums of a tile

/** Sums of 16-bit inputs, of two pixels at a time: eight sums and what they are made of fit into the registers of x86. */
export function sumShorts(layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
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

export function sumActivations(layer: Convolution, tile: Tile, channel: i32, y: i32, x: i32): void {
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
