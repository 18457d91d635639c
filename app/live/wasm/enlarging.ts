// A bicubic enlargement by threads, as app/live/web/resize.mjs computes it.

import { LANE, OPAQUE, TILE_BYTES, VECTOR, Convolution, Tile } from "./records";
import { nearest } from "./rounding";

/** A bicubic enlargement: four positions and weights for each of its columns and rows. */
@unmanaged
export class Enlarging {
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

/** Four source rows become one in floats, in the thread's scratch behind its tiles; then four of its pixels each one. */
export function enlarge(plan: Enlarging, _: Convolution, tile: Tile, from: i32, to: i32): void {
    const line = tile + 2 * TILE_BYTES;
    for (let y = from; y < to; y++) {
        mixRows(plan, line, y);
        mixColumns(plan, line, plan.into + usize(y * plan.width) * LANE);
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
