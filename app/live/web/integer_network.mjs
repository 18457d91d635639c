// Students in whole numbers in the memory of a crew: where everything lies that the kernels of layers.ts work on.

import { MOST } from "./web_form.mjs";

const PAGE = 2 ** 16;
const ALIGNED = 16;
const TILE_PX = 4;
const TILE_CHANNELS = 16;
const VECTOR_CHANNELS = 4;
const LANE = 4; // bytes
const SHORT = 2;
const COLOURS = 3;
const CONVOLUTION = ["input", "inputRow", "inputPixel", "line", "lines", "steps", "channels", "weights", "sums", "times"].concat(
    ["plus", "gain", "zero", "skip"],
); // the fields of layers.ts in their order, a word each
const BODY = ["width", "height", "wide", "pixel", "rgba", "frame", "trunk", "outer", "inner", "picture"];
