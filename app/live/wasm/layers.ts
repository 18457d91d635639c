// The layers of a student in whole numbers, as pipeline/student/web_form.py defines them to the last bit.
//
// Compiled twice: with relaxed dots four activations of a byte each go into every lane of a product, without them two of
// 16 bits. The sums are the same. Pictures are NHWC with a border of one pixel; a tile is four pixels of a row with 16
// channels each. Who calls owns the memory (app/live/web/integer_engine.mjs) and gives each thread rows of its own.

import { activate, add, begin, drawBorder, paint } from "./outcomes";
import { COLOURS, LANE, SHORT, TILE_BYTES, TILE_CHANNELS, TILE_PX, Body, Convolution, Tile } from "./records";
import { sumActivations, sumShorts } from "./sums";

export { enlarge } from "./enlarging";

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
