// What every kernel of layers.ts knows: sizes, and the records that app/live/web/integer_network.mjs writes.

export const TILE_PX = 4;
export const TILE_CHANNELS = 16;
export const VECTOR: usize = 16; // bytes
export const PIXEL_BYTES: usize = 4 * VECTOR; // of sums of a tile's pixel
export const TILE_BYTES = usize(TILE_PX) * PIXEL_BYTES;
export const COLOURS = 3;
export const OPAQUE = 0xff000000;
export const LANE: usize = 4;
export const SHORT: usize = 2;
export const RELAXED = ASC_FEATURE_RELAXED_SIMD;
export const ACTIVATION: usize = RELAXED ? 1 : 2; // bytes
export const MOST: f32 = 127; // of an activation

/** The pictures of a student and their sizes. Places are bytes of memory. */
@unmanaged
export class Body {
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
export class Convolution {
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
export type Tile = usize;
