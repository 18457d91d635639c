// Keeping a frame rate: a smaller input of the student where it is too slow, a larger one where there is room again.

import { quantile } from "./timing.mjs";

export const SHARES = [1, 3 / 4, 1 / 2]; // of the student's input, each side
const FRAMES = 12; // to judge by
const WARM_UP = 2; // frames after a change that say nothing
const TOO_SLOW = 1.1; // of the time a frame may take
const ROOM = 0.8; // a larger input is tried where it would take less than this
const PATIENCE_MS = 8000; // before a larger input is tried; doubled each time that one was too slow
const LONGEST_PATIENCE_MS = 120_000;

/** The largest share that keeps `targetFps`, where the full input takes `fullMs`. */
export function firstShare(fullMs, targetFps) {
    return SHARES.find((share) => fullMs * share * share <= 1000 / targetFps) ?? SHARES.at(-1);
}

/** Chooses a share of SHARES while frames come in. */
export class AdaptiveSize {
    constructor({ targetFps, share = 1, now = 0 }) {
        this.targetFps = targetFps;
        this.patience = PATIENCE_MS;
        this.#become(share, now);
    }

    /** A frame took `ms`: the share to go on with. */
    add(ms, now) {
        this.times.push(ms);
        if (this.times.length < WARM_UP + FRAMES) return this.share;
        this.times = this.times.slice(-WARM_UP - FRAMES);
        const median = quantile(this.times.slice(WARM_UP), 0.5);
        const [smaller, larger] = [SHARES[SHARES.indexOf(this.share) + 1], SHARES[SHARES.indexOf(this.share) - 1]];
        const budget = 1000 / this.targetFps;
        if (smaller && median > TOO_SLOW * budget) this.#down(smaller, now);
        else if (larger && this.#hasRoom(median, larger, budget) && now - this.since > this.patience) this.#up(larger, now);
        return this.share;
    }

    #hasRoom(median, larger, budget) {
        return median * (larger / this.share) ** 2 < ROOM * budget;
    }

    #down(share, now) {
        if (this.tried) this.patience = Math.min(2 * this.patience, LONGEST_PATIENCE_MS); // what was tried did not hold
        this.tried = false;
        this.#become(share, now);
    }

    #up(share, now) {
        this.tried = true;
        this.#become(share, now);
    }

    #become(share, now) {
        this.share = share;
        this.since = now;
        this.times = [];
    }
}
