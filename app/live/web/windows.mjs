// Which windows of a frame are worth looking at: those with the most detail, never flat, black or blown-out ones.
// The same as in pipeline/student/estimator.py, but that only every fourth row is looked at.

const SIDE = 256; // pixels
const SMALLEST = 64; // pixels: the estimator needs as many
const BLOCK = 16; // pixels: windows begin where the blocks of codecs do
const MOST = 4; // of one frame
const STEP = 4; // rows between those that are looked at
const FLAT = 2; // least standard deviation of luma, grey levels
const BLACK = 6; // least mean of luma
const BLOWN_OUT = 249; // largest

/** The windows {x, y, width, height} of a picture to estimate its camera from, the most detailed first; perhaps none. */
export function detailedWindows(picture) {
    const [width, height] = [Math.min(SIDE, picture.width), Math.min(SIDE, picture.height)];
    const candidates = starts(picture.height).flatMap((y) => starts(picture.width).map((x) => ({ x, y, width, height })));
    return candidates
        .map((window) => ({ window, detail: detailOf(picture, window) }))
        .filter(({ detail }) => detail > 0)
        .sort((one, other) => other.detail - one.detail)
        .slice(0, MOST)
        .map(({ window }) => window);
}

/** Where windows along a side begin, to cover it; none where it is too small. */
function starts(side) {
    if (side < SMALLEST) return [];
    const count = Math.ceil(side / SIDE);
    const room = Math.max(0, side - SIDE);
    const start = (index) => Math.floor(Math.floor((room * index) / Math.max(1, count - 1)) / BLOCK) * BLOCK;
    return Array.from({ length: count }, (_, index) => start(index));
}

/** How much neighbouring pixels of a window differ, in grey levels; 0 for what is flat, black or blown out. */
function detailOf({ width, data }, { x, y, width: across, height }) {
    let [sum, squares, beside, below, count] = [0, 0, 0, 0, 0];
    const down = 4 * width;
    for (let row = y; row < y + height - 1; row += STEP) {
        const start = 4 * (row * width + x);
        let before = luma(data, start);
        for (let pixel = start; pixel < start + 4 * across; pixel += 4) {
            const level = luma(data, pixel);
            sum += level;
            squares += level * level;
            beside += Math.abs(level - before);
            below += Math.abs(level - luma(data, pixel + down));
            before = level;
        }
        count += across;
    }
    const mean = sum / count;
    const isFlat = squares / count - mean * mean < FLAT * FLAT;
    return isFlat || mean < BLACK || mean > BLOWN_OUT ? 0 : (beside + below) / count;
}

function luma(data, pixel) {
    return 0.299 * data[pixel] + 0.587 * data[pixel + 1] + 0.114 * data[pixel + 2];
}
