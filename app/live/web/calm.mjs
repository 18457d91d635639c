// Calm: what a camera's frames say together, before a student sees them. The same bytes as pipeline/student/calm.py,
// which says why. Pictures are {width, height, data}: RGBA, one byte each.
//
// Two channels, or two pixels, are worked on as one integer, one in its lower and one in its upper half. In what is done
// for every pixel, numbers are written out and integers kept to 32 bits: that is twice as fast.

import { compareColours, compareLuma, pixelsOf } from "./changes.mjs";
import { roundHalfEven } from "./geometry.mjs";
import { BLOCK, Motion } from "./motion.mjs";
import { picture } from "./pixels.mjs";
import { ONE } from "./shares.mjs";

const SMALLEST_PX = 32; // of a side: smaller frames pass as they are
const LEAST = 32; // gain, of ONE, where nothing ever moved

/** The gain of a mean over one frame more, by that of the mean so far; both of ONE. */
const ONE_MORE = Int32Array.from({ length: ONE + 1 }, (_, gain) => Math.max(Math.floor((ONE * gain) / (ONE + gain)), LEAST));

/** One stream of frames on its way to a student. */
export class Calm {
    /** `noise` is the dial: what the noise is taken for until frames have told. */
    constructor(noise = 0.25) {
        this.noise = noise;
        this.memory = null;
    }

    /** Forget the frames: the next one is another stream's. */
    reset() {
        this.memory = null;
    }

    /**
     * What to make a picture of in place of `frame`. Another size, and a cut, begin again; a frame that came before is
     * not counted twice. The answer is the stream's own memory: it must not be written to, and is good until the next
     * frame. `strength` goes from 0, frames as they are, to 1.
     */
    fuse(frame, strength) {
        const { width, height } = frame;
        if (strength === 0 || Math.min(width, height) < SMALLEST_PX) {
            this.memory = null;
            return frame;
        }
        if (this.memory?.shown.width !== width || this.memory.shown.height !== height) {
            this.memory = new Memory(frame, this.noise);
            return this.memory.shown;
        }
        return this.memory.add(frame, roundHalfEven(ONE * strength));
    }
}

/** What is kept of a stream; begun with its first frame. */
class Memory {
    constructor(frame, noise) {
        const { width, height } = frame;
        const [columns, rows] = [Math.floor(width / BLOCK), Math.floor(height / BLOCK)];
        this.redBlue = new Int32Array(width * height); // in 1/128 levels
        this.green = new Int16Array(width * height);
        this.shown = picture(width, height); // the same in levels
        this.stride = BLOCK * Math.ceil(width / BLOCK); // of the two planes of luma
        this.luma = new Uint8Array(this.stride * height); // of `shown`
        this.newest = new Uint8Array(this.stride * height); // of the last frame
        this.gain = new Int32Array(columns * rows); // of each block, of ONE
        this.tall = new Int32Array(columns + 2); // eight times the gains of blocks at a row of pixels, the border repeated
        this.line = new Uint8Array(width); // the gains of its pixels, of 32
        this.motion = new Motion({ columns, rows }, noise);
        this.#read(frame);
        this.#begin(frame);
    }

    add(frame, strength) {
        const { motion } = this;
        if (!this.#read(frame)) return this.shown;
        compareLuma(this, motion);
        compareColours(frame, this.shown, motion);
        if (motion.isCut()) {
            motion.noise.beginScene();
            this.#begin(frame);
        } else {
            motion.find();
            this.#nextGain(strength);
            this.#blend(frame);
        }
        return this.shown;
    }

    #begin(frame) {
        pixelsOf(frame).forEach((pixel, i) => {
            this.redBlue[i] = (pixel & 0xff00ff) << 7;
            this.green[i] = (pixel & 0xff00) >> 1;
        });
        this.shown.data.set(frame.data);
        this.luma.set(this.newest);
        this.gain.fill(ONE);
    }

    /** Whether the frame's luma, which is kept, is another one than the last one's. */
    #read(frame) {
        const [pixels, { newest, stride }] = [pixelsOf(frame), this];
        const { width, height } = frame;
        let differs = 0;
        for (let row = 0, i = 0; row < height; row += 1) {
            for (let at = row * stride; at < row * stride + width; at += 1, i += 1) {
                const luma = lumaOf(pixels[i]);
                differs |= luma ^ newest[at];
                newest[at] = luma;
            }
        }
        return differs !== 0;
    }

    /** The gain of a mean over one frame more, up to 1 as surely as something moved. */
    #nextGain(strength) {
        const [{ gain }, { moved }] = [this, this.motion];
        for (let i = 0; i < gain.length; i += 1) {
            const least = ONE_MORE[gain[i]];
            const full = least + (((ONE - least) * moved[i]) >> 8);
            gain[i] = ONE - (((ONE - full) * strength) >> 8);
        }
    }

    /** The picture goes towards the frame by each pixel's gain. */
    #blend(frame) {
        const { line, redBlue, green, luma, stride } = this;
        const { width, height } = frame;
        const [pixels, shown] = [pixelsOf(frame), pixelsOf(this.shown)];
        for (let row = 0, i = 0; row < height; row += 1) {
            this.#findLine(row);
            for (let column = 0, at = row * stride; column < width; column += 1, at += 1, i += 1) {
                const pixel = pixels[i];
                const gain = line[column];
                const pair = redBlue[i];
                const single = green[i];
                const steps = ((((pixel & 0xff00ff) << 7) - pair - 0x7fef7ff0) >>> 5) & 0x07ff07ff; // 1024 more in each half
                const nextPair = (pair + Math.imul(steps - 0x04000400, gain)) | 0;
                const nextSingle = single + Math.imul((((pixel & 0xff00) >> 1) - single + 16) >> 5, gain);
                redBlue[i] = nextPair;
                green[i] = nextSingle;
                const fused = (((nextSingle + 64) << 1) & 0xff00) | (((nextPair + 0x400040) >>> 7) & 0xff00ff);
                shown[i] = (pixel & 0xff000000) | fused;
                luma[at] = lumaOf(fused);
            }
        }
    }

    /** The gains of a row's pixels: linear between the blocks' middles; beyond the last whole block as at its end. */
    #findLine(row) {
        const { line, tall, gain, motion } = this;
        const { columns, rows } = motion;
        const [block, within] = row < BLOCK * rows ? [row >> 2, row % BLOCK] : [rows - 1, BLOCK - 1];
        const other = Math.min(Math.max(block + (within < BLOCK / 2 ? -1 : 1), 0), rows - 1);
        const share = within === 0 || within === BLOCK - 1 ? 3 : 1; // eighths of the other one
        for (let i = 0, here = block * columns, there = other * columns; i < columns; i += 1) {
            tall[i + 1] = (8 - share) * gain[here + i] + share * gain[there + i];
        }
        [tall[0], tall[columns + 1]] = [tall[1], tall[columns]];
        for (let i = 1, at = 0; i <= columns; i += 1, at += 4) {
            const before = tall[i - 1];
            const here = tall[i];
            const after = tall[i + 1];
            line[at] = (3 * before + 5 * here + 256) >> 9; // 512 are a step, half of that rounds
            line[at + 1] = (before + 7 * here + 256) >> 9;
            line[at + 2] = (7 * here + after + 256) >> 9;
            line[at + 3] = (5 * here + 3 * after + 256) >> 9;
        }
        line.fill(line[BLOCK * columns - 1], BLOCK * columns);
    }
}

/** OpenCV's luma of a pixel. */
function lumaOf(pixel) {
    const redBlue = Math.imul(pixel & 255, 9798) + Math.imul((pixel >>> 16) & 255, 3735);
    return (redBlue + Math.imul((pixel >>> 8) & 255, 19235) + 16384) >> 15;
}
