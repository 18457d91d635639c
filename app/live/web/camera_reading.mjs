// What the camera is like: readings of single windows, pooled over frames and held steady. No DOM, no ONNX Runtime.

import { DIALS } from "./dials.mjs";

const KEPT = 40; // frames that are pooled: a camera changes with its light
const EAGER = 16; // looks until the camera is known
const UNKNOWN = { pauseMs: 500, share: 0.2 }; // between looks until then; of the time that looks may take from frames
const KNOWN = { pauseMs: 4000, share: 0.02 }; // afterwards
const FINEST = 100; // steps of a dial: no finer than what is shown
const MOVED = 0.05; // of a dial: what is less is held
const JUMP = 0.3; // of a frame's own reading, from which it may be another camera's
const JUMPS = 2; // in succession: then it is

/**
 * The dials that readings {values, weights} of windows say, pulled towards `rest` as far as they are unsure:
 * (prior * rest + sum of weights * values) / (prior + sum of weights), per dial.
 */
export function pooled(readings, { rest, prior }) {
    return DIALS.map((_, dial) => {
        let [sum, weight] = [prior[dial] * rest[dial], prior[dial]];
        for (const { values, weights } of readings) {
            sum += weights[dial] * values[dial];
            weight += weights[dial];
        }
        return weight > 0 ? sum / weight : rest[dial];
    });
}

/** The same reading, but that what is not a number weighs nothing. */
function sound({ values, weights }) {
    const isSound = DIALS.map((_, dial) => Number.isFinite(values[dial]) && weights[dial] > 0 && weights[dial] < Infinity);
    return {
        values: isSound.map((good, dial) => (good ? values[dial] : 0)),
        weights: isSound.map((good, dial) => (good ? weights[dial] : 0)),
    };
}

/** Gathers looks at a camera, each the readings of one frame's windows. */
export class CameraReading {
    constructor({ neutral, prior }) {
        Object.assign(this, { neutral, prior });
        this.reset();
    }

    /** Another camera: nothing is known of it. */
    reset() {
        this.looks = [];
        this.suspects = []; // looks that were unlike those before
        this.empty = 0; // looks in succession that showed nothing
        this.held = [...this.neutral];
    }

    /** Whether anything was found yet. */
    get found() {
        return this.looks.length > 0;
    }

    /** Whether the camera is known, as far as it can be. */
    get isKnown() {
        return Math.max(this.looks.length, this.empty) >= EAGER && this.suspects.length === 0;
    }

    /** Milliseconds until the next look, after one that took `spentMs`. */
    pauseAfter(spentMs) {
        const { pauseMs, share } = this.isKnown ? KNOWN : UNKNOWN;
        return Math.max(pauseMs, spentMs / share);
    }

    /** A frame was looked at; `held`, the dials to go by, follows what has moved visibly. */
    add(readings) {
        const usable = readings.map(sound).filter(({ weights }) => weights.some((weight) => weight > 0));
        this.empty = usable.length > 0 ? 0 : this.empty + 1;
        if (usable.length === 0) return;
        this.#take(usable);
        const now = this.#pooled().map((dial) => Math.round(Math.min(1, Math.max(0, dial)) * FINEST) / FINEST);
        if (now.some((dial, index) => Math.abs(dial - this.held[index]) > MOVED)) this.held = now;
    }

    #take(look) {
        const jump = this.found && this.#isJump(look);
        this.suspects = jump ? [...this.suspects, look] : [];
        if (this.suspects.length === JUMPS) {
            this.looks = this.suspects; // a cut: what came before was another camera
            this.suspects = [];
        } else if (!jump) {
            this.looks = [...this.looks, look].slice(-KEPT);
        }
    }

    /** Whether a look says something else than those before, as far as it is sure. */
    #isJump(look) {
        const before = this.#pooled();
        const own = pooled(look, { rest: before, prior: this.prior });
        return own.some((dial, index) => Math.abs(dial - before[index]) > JUMP);
    }

    #pooled() {
        return pooled(this.looks.flat(), { rest: this.neutral, prior: this.prior });
    }
}
