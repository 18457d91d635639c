// What the blocks of a frame say next to the picture so far: the sums of pipeline/student/motion.py, put into a Motion.

import { BLOCK } from "./motion.mjs";

/** What the frame's blocks say; what is left over at the right and below belongs to none. Four pixels at a time. */
export function compareLuma({ luma, newest, stride }, motion) {
    const [was, is, words] = [new Int32Array(luma.buffer), new Int32Array(newest.buffer), stride / BLOCK];
    const { before, signed, size, columns, rows } = motion;
    for (let row = 0, block = 0; row < rows; row += 1) {
        for (let i = BLOCK * row * words, end = i + columns; i < end; i += 1, block += 1) {
            let [sum, change, far] = [0, 0, 0];
            for (let word = i; word < i + 4 * words; word += words) {
                const even = was[word] & 0xff00ff;
                const odd = (was[word] >>> 8) & 0xff00ff;
                const one = (is[word] & 0xff00ff) - even + 0x01000100; // 256 more in each half, so that none is negative
                const other = ((is[word] >>> 8) & 0xff00ff) - odd + 0x01000100;
                sum += even + odd;
                change += one + other;
                far += nearness(one) + nearness(other);
            }
            before[block] = halves(sum);
            signed[block] = halves(change) - 16 * 256;
            size[block] = 16 * 256 - halves(far);
        }
    }
}

/** How far the colours of the second row of each block changed, apart from its brightness. */
export function compareColours(frame, shown, motion) {
    const [is, was] = [pixelsOf(frame), pixelsOf(shown)];
    const { colour, columns, rows } = motion;
    for (let row = 0, block = 0; row < rows; row += 1) {
        for (let i = (BLOCK * row + 1) * frame.width, end = i + BLOCK * columns; i < end; i += BLOCK, block += 1) {
            let [red, blue] = [0, 0]; // less green
            for (let at = i; at < i + BLOCK; at += 1) {
                const [one, other] = [is[at], was[at]];
                const green = ((one >>> 8) & 0xff) - ((other >>> 8) & 0xff);
                red += (one & 0xff) - (other & 0xff) - green;
                blue += ((one >>> 16) & 0xff) - ((other >>> 16) & 0xff) - green;
            }
            colour[block] = Math.abs(red) + Math.abs(blue);
        }
    }
}

/** A picture's pixels as integers. */
export function pixelsOf({ data }) {
    return new Int32Array(data.buffer, data.byteOffset, data.length / 4);
}

/** Of two differences d, each given as 256 + d: 256 - |d|. */
function nearness(two) {
    const positive = (two >>> 8) & 0x00010001;
    return (two ^ ((positive << 9) - positive)) + positive;
}

/** The sum of the upper and the lower half of an integer. */
function halves(two) {
    return (two & 0xffff) + (two >>> 16);
}
