// What change is usual in a stream of frames: read from the quieter blocks of frames in which the camera stands. The
// numbers of pipeline/student/motion.py; all of them are integers.

export const FINE = 16; // units of what is kept here in one of a block's sums of change
export const BIN_BITS = 9; // of a block's sum of luma that do not say on which bin of the curve it lies
export const HARSHEST = 3; // times the noise of its brightness that a block may usually have

const BINS = 8; // of brightness, on the curve
const SIZES = 255 * 16 + 1; // that a block's sum of change can have
const QUIET_TENTHS = 3; // of the blocks of a brightness are no noisier than what counts for its noise
const FLOOR = 8 * FINE; // half a level: less is rounding
const FEWEST = 32; // blocks that tell the noise of a brightness
const SPREAD = 13.2; // sum of the change in a block over the noise's standard deviation
const LEVELS = 16; // standard deviation of the noise that the dial calls 1

/** Of one stream, in FINE. */
export class Noise {
    /** `dial` is what the noise is taken for as long as no frames have told. */
    constructor(dial, blocks) {
        this.curve = new Int32Array(BINS).fill(Math.max(FLOOR, Math.trunc(FINE * SPREAD * LEVELS * dial * dial)));
        this.known = false; // whether the curve was read from frames
        this.usual = new Int32Array(blocks); // of each block; 0: not known yet
        this.counts = new Int32Array(BINS * SIZES);
    }

    /** After a cut it may be another camera's picture. */
    beginScene() {
        this.known = false;
        this.usual.fill(0);
    }

    /** Read the noise of each brightness; where too few blocks have it, as that of the next darker, else brighter. */
    learnCurve({ before, size, blocks }) {
        const { counts, curve, known } = this;
        const totals = new Int32Array(BINS);
        counts.fill(0);
        for (let i = 0; i < blocks; i += 1) {
            const bin = before[i] >> BIN_BITS;
            counts[bin * SIZES + size[i]] += 1;
            totals[bin] += 1;
        }
        const measured = Array.from(totals, (total, bin) => (total < FEWEST ? null : this.#quietest(bin, total)));
        let following = measured.find((value) => value !== null);
        if (following === undefined) return;
        measured.forEach((value, bin) => {
            following = value ?? following;
            const found = Math.max(following, FLOOR);
            curve[bin] = known ? curve[bin] + ((found - curve[bin]) >> 2) : found;
        });
        this.known = true;
    }

    /** What the quieter blocks of a brightness do not exceed, and a tenth more. */
    #quietest(bin, total) {
        let size = -1;
        for (let rest = Math.ceil((QUIET_TENTHS * total) / 10); rest > 0; rest -= this.counts[bin * SIZES + size]) size += 1;
        return Math.floor((size * FINE * 11) / 10);
    }

    /** Follow what each block that rests does: slowly up, as what passes by must not count, quicker down. */
    learnUsual({ before, size, rests, blocks }) {
        const { usual, curve } = this;
        for (let i = 0; i < blocks; i += 1) {
            const expected = curve[before[i] >> BIN_BITS];
            const known = usual[i] === 0 ? expected + (expected >> 3) : usual[i];
            const ahead = Math.min(size[i] * FINE, HARSHEST * expected) - known;
            usual[i] = known + (rests[i] === 0 ? 0 : ahead > 0 ? ahead >> 4 : ahead >> 3);
        }
    }
}
