// The dials while a student runs: measured between frames, or taken over by the viewer, and set without a pause.

import { CameraReading } from "./camera_reading.mjs";
import { DIALS, amounts, describe } from "./dials.mjs";
import { firstLine } from "./messages.mjs";

export const AUTOMATIC = "auto";
const TAKEN_OVER_BY = { blur: "sharpen", noise: "denoise" }; // the viewer's setting, of dials that have one
const UNKNOWING = "This student does not measure the camera: its dials are neutral unless you set them.";
const MEASURING = "Camera: being measured…";
const NOT_ASKED = "Camera: not measured while the strength is 0.";
const NOTHING_TO_MEASURE = "Camera: this picture shows too little to measure it; the dials are neutral.";

/** Turns the dials of the engine that it is attached to. */
export class DialControl {
    /**
     * @param {object} settings of the viewer, read whenever it matters: {strength, denoise, sharpen}
     * @param {() => void} changed there is something else to show
     * @param {() => void} turned frames look different from now on
     * @param {(error: Error) => void} failed the engine cannot run with its dials set
     */
    constructor({ settings, changed, turned, failed }) {
        Object.assign(this, { settings, changed, turned, failed, run: null, reading: null, source: 0 });
    }

    /** An engine was opened with `models`, its dials at neutral. What is known of the camera stays known. */
    attach(engine, models) {
        const dialled = models.filter(({ contract: { dials } }) => dials);
        const model = dialled.find(({ contract: { estimator } }) => estimator) ?? dialled[0];
        const contract = model?.contract;
        const rest = contract && { neutral: contract.dials.neutral, prior: contract.estimator?.prior ?? DIALS.map(() => 0) };
        if (JSON.stringify(rest) !== JSON.stringify(this.rest)) this.reading = rest && new CameraReading(rest);
        this.rest = rest;
        this.run = { engine, model, setting: rest?.neutral, due: 0, blind: null, ready: false, looking: false, turning: false };
        this.apply();
    }

    detach() {
        this.run = null;
        this.changed();
    }

    /** Another source: what was found is not of this one. */
    newSource() {
        this.source += 1;
        this.reading?.reset();
        if (this.run) this.run.due = 0;
        this.apply();
    }

    /** Whether the running student has dials. */
    get adjustable() {
        return Boolean(this.run && this.reading);
    }

    /** The dials as they are to be: as measured, but for those that the viewer sets. */
    get wanted() {
        return DIALS.map((dial, index) => {
            const byHand = this.settings[TAKEN_OVER_BY[dial]] ?? AUTOMATIC;
            return byHand === AUTOMATIC ? this.reading.held[index] : Math.min(1, Math.max(0, Number(byHand)));
        });
    }

    /** What was found, as a sentence. */
    get camera() {
        if (!this.adjustable) return "";
        const { run, reading } = this;
        if (run.blind) return run.blind;
        if (!run.engine.measures) return UNKNOWING;
        if (reading.found) return `Camera: ${describe(reading.held)} (${amounts(reading.held)})`;
        if (!this.#runs) return NOT_ASKED;
        return reading.empty > 1 ? NOTHING_TO_MEASURE : MEASURING;
    }

    /** Whether the student is asked at all. */
    get #runs() {
        return Number(this.settings.strength ?? 1) > 0;
    }

    /** The viewer's settings or the camera's dials have changed. */
    apply() {
        this.changed();
        if (this.adjustable && !this.run.turning) this.#turn(this.run);
    }

    /** A frame was shown at `now`: look at it where it is time to. Not awaited by the frames; windows lie between them. */
    afterFrame(now) {
        const { run } = this;
        if (!this.adjustable || !run.engine.measures || run.blind || run.looking) return;
        if (now < run.due || !this.#runs) return;
        this.#look(run);
    }

    /** Newest wins: what was asked for while a session was built is built next, and nothing between. */
    async #turn(run) {
        run.turning = true;
        try {
            while (run === this.run && String(this.wanted) !== String(run.setting)) {
                const setting = this.wanted;
                await run.engine.call("turn", { setting });
                run.setting = setting;
                if (run === this.run) this.turned();
            }
        } catch (error) {
            if (run === this.run) this.failed(error);
        } finally {
            run.turning = false;
        }
    }

    async #look(run) {
        const { source } = this;
        run.looking = true;
        try {
            if (!run.ready) await run.engine.call("prepare", { file: await run.model.file("estimator") });
            run.ready = true;
            const { readings, spentMs } = await readingsOf(run.engine);
            if (run !== this.run || source !== this.source) return;
            this.reading.add(readings);
            run.due = performance.now() + this.reading.pauseAfter(spentMs);
            this.apply();
        } catch (error) {
            if (run !== this.run) return;
            run.blind = `The camera cannot be measured here (${firstLine(error)}); set the dials by hand.`;
            this.changed();
        } finally {
            run.looking = false;
        }
    }
}

/** What the windows of the last frame say, and the worker's time for it; frames may be shown between two of them. */
async function readingsOf(engine) {
    const { count, ms } = await engine.call("look");
    const readings = [];
    for (let index = 0; index < count; index += 1) readings.push(await engine.call("read", { index }));
    return { readings, spentMs: readings.reduce((sum, reading) => sum + reading.ms, ms) };
}
