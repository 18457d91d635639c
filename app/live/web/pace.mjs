// Keeping a frame rate. Where the student that was chosen is too slow, first a lighter one runs in its place, still at full size;
// then frames may be fewer; only where those would be too few it reads a smaller input, which can show less than the camera gives.

import { quantile } from "./timing.mjs";

export const SHARES = [1, 3 / 4, 1 / 2]; // of the student's input, each side
export const LEAST_FPS = 6; // a full picture that comes more rarely is worse than a smaller one
const FRAMES = 12; // to judge by
const WARM_UP = 2; // frames after a change that say nothing
const TOO_SLOW = 1.1; // of the time a frame may take
const SURELY = 2; // times too slow: then even a guess may make the input smaller
const ROOM = 0.8; // what takes longer is tried where it would take less than this
const PATIENCE_MS = 8000; // before it is tried; doubled each time that it was too slow
const LONGEST_PATIENCE_MS = 120_000;

/**
 * The steps from the best picture to the fastest: {student: its place in `ladder`, share, cost}.
 *
 * @param {{weight?: number}[]} ladder students, each lighter than the one before
 */
export function stepsOf(ladder) {
    const full = ladder.map(({ weight = 1 }, student) => ({ student, share: 1, cost: weight }));
    const { student, cost } = full.at(-1);
    const smaller = SHARES.slice(1).map((share) => ({ student, share, cost: cost * share * share }));
    return [...full, ...smaller];
}

/** Chooses among `steps` while frames come in. */
export class Pace {
    constructor({ steps, targetFps, now = 0 }) {
        Object.assign(this, { steps, targetFps, patience: PATIENCE_MS });
        this.#become(0, now);
    }

    get step() {
        return this.steps[this.at];
    }

    /** Begin with the first step that is likely to be fast enough, where a frame of that `student` takes `fullMs` at full size. */
    begin({ student, fullMs }, now) {
        const measured = this.steps.find((step) => step.student === student) ?? this.step;
        const unit = fullMs / measured.cost;
        const isEnough = ({ cost }, at) => cost * unit <= this.#budget(at) * (this.#isBeforeSmaller(at) ? SURELY : 1);
        const first = this.steps.findIndex(isEnough);
        this.#become(first < 0 ? this.steps.length - 1 : first, now);
    }

    /** A frame took `ms`: the step to go on with. */
    add(ms, now) {
        this.times.push(ms);
        if (this.times.length < WARM_UP + FRAMES) return this.step;
        this.times = this.times.slice(-WARM_UP - FRAMES);
        const median = quantile(this.times.slice(WARM_UP), 0.5);
        if (this.at + 1 < this.steps.length && median > TOO_SLOW * this.#budget(this.at)) this.#down(now);
        else if (this.at > 0 && this.#hasRoom(median) && now - this.since > this.patience) this.#up(now);
        return this.step;
    }

    /** Milliseconds that a frame may take before the next step is better. */
    #budget(at) {
        return 1000 / (this.#isBeforeSmaller(at) ? Math.min(LEAST_FPS, this.targetFps) : this.targetFps);
    }

    #isBeforeSmaller(at) {
        return this.steps[at + 1]?.share < 1;
    }

    #hasRoom(median) {
        const before = this.steps[this.at - 1];
        return (median * before.cost) / this.step.cost < ROOM * this.#budget(this.at - 1);
    }

    #down(now) {
        if (this.tried) this.patience = Math.min(2 * this.patience, LONGEST_PATIENCE_MS); // what was tried did not hold
        this.tried = false;
        this.#become(this.at + 1, now);
    }

    #up(now) {
        this.tried = true;
        this.#become(this.at - 1, now);
    }

    #become(at, now) {
        Object.assign(this, { at, since: now, times: [] });
    }
}
