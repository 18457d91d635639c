// What is done for every pixel when frames are fused through time (app/live/web/calm.mjs): the bytes of pipeline/student/calm.py.
//
// Pictures are RGBA, a byte each. Four pixels, or four blocks of 4x4, are worked on at once. Two channels of a pixel are one
// integer, one in its lower and one in its upper half.

const BLOCK = 4; // pixels of a side
const WORD: usize = 4; // bytes of a pixel; of a row's four pixels of a plane
const SHORT: usize = 2;
const FOUR = 4; // pixels, or blocks
const PAIR = 0x00ff00ff; // the lower byte of each half
const MOST = 256 * BLOCK * BLOCK;

/** The luma of a picture of `width` x `height`, into a plane with rows of `stride` bytes; 0 where it was there before. */
export function readLuma(pixels: usize, plane: usize, stride: usize, width: i32, height: i32): i32 {
    let differs = i32x4.splat(0);
    for (let row = 0; row < height; row++) {
        let from = pixels + usize(row * width) * WORD;
        let at = plane + usize(row) * stride;
        for (const end = at + usize(width); at < end; at += FOUR) {
            const luma = bytesOf(lumaOf(v128.load(from))); // behind the last column lies what no block reads
            differs = v128.or(differs, v128.xor(luma, v128.load32_zero(at)));
            v128.store32_lane(at, luma, 0);
            from += usize(FOUR) * WORD;
        }
    }
    return i32x4.extract_lane(differs, 0);
}

/**
 * What blocks say of two planes of luma: their sums of the one that `was`, of the change, and of its absolute values, i16
 * each. There are at least four columns of blocks.
 */
export function compareLuma(
    was: usize,
    is: usize,
    stride: usize,
    columns: i32,
    rows: i32,
    before: usize,
    signed: usize,
    size: usize,
): void {
    for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column += FOUR) {
            const first = min(column, columns - FOUR); // the last ones may be looked at twice
            const at = usize(BLOCK * row) * stride + usize(first) * WORD;
            const into = usize(row * columns + first) * SHORT;
            compareFour(was + at, is + at, stride, before + into, signed + into, size + into);
        }
    }
}

function compareFour(was: usize, is: usize, stride: usize, before: usize, signed: usize, size: usize): void {
    const pair = i32x4.splat(PAIR);
    const above = i32x4.splat(0x01000100); // 256 more in each half, so that none is negative
    let sum = i32x4.splat(0), change = sum, far = sum;
    for (const end = was + usize(BLOCK) * stride; was < end; was += stride, is += stride) {
        const old = v128.load(was);
        const now = v128.load(is);
        const even = v128.and(old, pair);
        const odd = v128.and(i32x4.shr_u(old, 8), pair);
        const one = i32x4.add(i32x4.sub(v128.and(now, pair), even), above);
        const other = i32x4.add(i32x4.sub(v128.and(i32x4.shr_u(now, 8), pair), odd), above);
        sum = i32x4.add(sum, i32x4.add(even, odd));
        change = i32x4.add(change, i32x4.add(one, other));
        far = i32x4.add(far, i32x4.add(nearness(one), nearness(other)));
    }
    storeShorts(before, halves(sum));
    storeShorts(signed, i32x4.sub(halves(change), i32x4.splat(MOST)));
    storeShorts(size, i32x4.sub(i32x4.splat(MOST), halves(far)));
}

/** How far the colours of the second row of each block changed, apart from its brightness: i16 each. */
export function compareColours(was: usize, is: usize, width: i32, columns: i32, rows: i32, colour: usize): void {
    for (let row = 0; row < rows; row++) {
        const start = usize((BLOCK * row + 1) * width) * WORD;
        for (let column = 0; column < columns; column++) {
            const at = start + usize(column * BLOCK) * WORD;
            const now = v128.load(is + at);
            const old = v128.load(was + at);
            const green = i32x4.sub(channel(now, 8), channel(old, 8));
            const red = i32x4.sub(i32x4.sub(channel(now, 0), channel(old, 0)), green);
            const blue = i32x4.sub(i32x4.sub(channel(now, 16), channel(old, 16)), green);
            store<i16>(colour, <i16>(abs(total(red)) + abs(total(blue))));
            colour += SHORT;
        }
    }
}

/** A stream's memory, and what of it is shown. Places are bytes of memory. */
@unmanaged
class Stream {
    width: i32;
    height: i32;
    columns: i32; // of blocks
    rows: i32;
    stride: usize; // bytes of a row of luma
    pixels: usize; // the new frame
    shown: usize; // the fused one
    redBlue: usize; // the same in 1/128 levels: (height, width) i32
    green: usize; // (height, width) i16
    luma: usize; // of `shown`
    gain: usize; // of each block, of 256: i32
    tall: usize; // (columns + 2) i32: eight times the gains at a row of pixels, the border repeated
    line: usize; // gains of a row's pixels, of 32: a byte each
    scratch: usize; // 64 bytes
}

/** The picture goes towards the new frame by each pixel's gain. */
export function blend(stream: Stream): void {
    const width = stream.width;
    const whole = width - (width % FOUR);
    for (let row = 0; row < stream.height; row++) {
        findLine(stream, row);
        const first = row * width;
        const luma = stream.luma + usize(row) * stream.stride;
        for (let column = 0; column < whole; column += FOUR) {
            const at = usize(first + column);
            blendFour(
                stream.pixels + at * WORD,
                stream.shown + at * WORD,
                stream.redBlue + at * WORD,
                stream.green + at * SHORT,
                luma + usize(column),
                stream.line + usize(column),
            );
        }
        if (whole < width) blendRest(stream, first + whole, luma + usize(whole), whole, width - whole);
    }
}

function blendFour(pixels: usize, shown: usize, redBlue: usize, green: usize, luma: usize, line: usize): void {
    const pixel = v128.load(pixels);
    const gain = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(line)));
    const pair = v128.load(redBlue);
    const single = i32x4.extend_low_i16x8_s(v128.load64_zero(green));
    const ahead = i32x4.sub(i32x4.sub(i32x4.shl(v128.and(pixel, i32x4.splat(PAIR)), 7), pair), i32x4.splat(0x7fef7ff0));
    const steps = v128.and(i32x4.shr_u(ahead, 5), i32x4.splat(0x07ff07ff)); // 1024 more in each half
    const nextPair = i32x4.add(pair, i32x4.mul(i32x4.sub(steps, i32x4.splat(0x04000400)), gain));
    const level = i32x4.shr_u(v128.and(pixel, i32x4.splat(0xff00)), 1);
    const step = i32x4.shr_s(i32x4.add(i32x4.sub(level, single), i32x4.splat(16)), 5);
    const nextSingle = i32x4.add(single, i32x4.mul(step, gain));
    const middle = v128.and(i32x4.shl(i32x4.add(nextSingle, i32x4.splat(64)), 1), i32x4.splat(0xff00));
    const sides = v128.and(i32x4.shr_u(i32x4.add(nextPair, i32x4.splat(0x400040)), 7), i32x4.splat(PAIR));
    const fused = v128.or(middle, sides);
    v128.store(redBlue, nextPair);
    storeShorts(green, nextSingle);
    v128.store(shown, v128.or(v128.and(pixel, i32x4.splat(0xff000000)), fused));
    v128.store32_lane(luma, bytesOf(lumaOf(fused)), 0);
}

/** The same of fewer pixels at a row's end, the first of which is `at`: what lies behind them stays as it is. */
function blendRest(stream: Stream, at: i32, luma: usize, column: i32, count: i32): void {
    const scratch = stream.scratch;
    const words = usize(count) * WORD;
    const shorts = usize(count) * SHORT;
    const redBlue = stream.redBlue + usize(at) * WORD;
    const green = stream.green + usize(at) * SHORT;
    memory.copy(scratch, stream.pixels + usize(at) * WORD, words);
    memory.copy(scratch + 16, redBlue, words);
    memory.copy(scratch + 32, green, shorts);
    blendFour(scratch, scratch, scratch + 16, scratch + 32, scratch + 48, stream.line + usize(column));
    memory.copy(stream.shown + usize(at) * WORD, scratch, words);
    memory.copy(redBlue, scratch + 16, words);
    memory.copy(green, scratch + 32, shorts);
    memory.copy(luma, scratch + 48, usize(count));
}

/** The gains of a row's pixels: linear between the blocks' middles; beyond the last whole block as at its end. */
function findLine(stream: Stream, row: i32): void {
    const columns = stream.columns;
    const tall = stream.tall;
    const line = stream.line;
    const isWhole = row < BLOCK * stream.rows;
    const block = isWhole ? row / BLOCK : stream.rows - 1;
    const within = isWhole ? row % BLOCK : BLOCK - 1;
    const other = min(max(block + (within < BLOCK / 2 ? -1 : 1), 0), stream.rows - 1);
    const share = within === 0 || within === BLOCK - 1 ? 3 : 1; // eighths of the other one
    const here = stream.gain + usize(block * columns) * WORD;
    const there = stream.gain + usize(other * columns) * WORD;
    for (let i: usize = 0; i < usize(columns) * WORD; i += WORD) {
        store<i32>(tall + WORD + i, (8 - share) * load<i32>(here + i) + share * load<i32>(there + i));
    }
    store<i32>(tall, load<i32>(tall, 4));
    store<i32>(tall + usize(columns + 1) * WORD, load<i32>(tall + usize(columns) * WORD));
    for (let i = 0; i < columns; i++) {
        const at = tall + usize(i) * WORD;
        const before = load<i32>(at);
        const own = load<i32>(at, 4);
        const after = load<i32>(at, 8);
        const into = line + usize(i * BLOCK);
        store<u8>(into, (3 * before + 5 * own + 256) >> 9); // 512 are a step, half of that rounds
        store<u8>(into, (before + 7 * own + 256) >> 9, 1);
        store<u8>(into, (7 * own + after + 256) >> 9, 2);
        store<u8>(into, (5 * own + 3 * after + 256) >> 9, 3);
    }
    const end = BLOCK * columns;
    memory.fill(line + usize(end), load<u8>(line + usize(end - 1)), usize(stream.width - end));
}

// -- four at a time

/** OpenCV's luma of pixels. */
@inline
function lumaOf(pixels: v128): v128 {
    const red = i32x4.mul(channel(pixels, 0), i32x4.splat(9798));
    const green = i32x4.mul(channel(pixels, 8), i32x4.splat(19235));
    const blue = i32x4.mul(channel(pixels, 16), i32x4.splat(3735));
    return i32x4.shr_u(i32x4.add(i32x4.add(red, green), i32x4.add(blue, i32x4.splat(16384))), 15);
}

@inline
function channel(pixels: v128, bits: i32): v128 {
    return v128.and(i32x4.shr_u(pixels, bits), i32x4.splat(255));
}

/** Integers of 0..255 as bytes, in the lowest lane. */
@inline
function bytesOf(values: v128): v128 {
    const shorts = i16x8.narrow_i32x4_s(values, i32x4.splat(0));
    return i8x16.narrow_i16x8_u(shorts, i16x8.splat(0));
}

@inline
function storeShorts(at: usize, values: v128): void {
    v128.store64_lane(at, i16x8.narrow_i32x4_s(values, values), 0);
}

/** Of two differences d, each given as 256 + d: 256 - |d|. */
@inline
function nearness(two: v128): v128 {
    const positive = v128.and(i32x4.shr_u(two, 8), i32x4.splat(0x00010001));
    return i32x4.add(v128.xor(two, i32x4.sub(i32x4.shl(positive, 9), positive)), positive);
}

/** The sum of the upper and the lower half of integers. */
@inline
function halves(two: v128): v128 {
    return i32x4.add(v128.and(two, i32x4.splat(0xffff)), i32x4.shr_u(two, 16));
}

@inline
function total(values: v128): i32 {
    const left = i32x4.extract_lane(values, 0) + i32x4.extract_lane(values, 1);
    return left + i32x4.extract_lane(values, 2) + i32x4.extract_lane(values, 3);
}
