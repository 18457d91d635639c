// Which student runs and how large its input is, from one pace to the next: see pace.mjs for what one of them does.

import { Pace, SHARES, stepsOf } from "./pace.mjs";

export class Pacing {
    /**
     * @param {object} settings of the viewer, read whenever they matter: {inputSize, targetFps}
     * @param {object} students {ladder, rung}: see students.mjs
     */
    constructor({ settings, students }) {
        Object.assign(this, { settings, students, pace: null, holds: false });
    }

    get step() {
        return this.pace.step;
    }

    /** A frame took `ms`: the step to go on with. */
    add(ms, now) {
        return this.pace.add(ms, now);
    }

    /** What was chosen runs, whatever was too slow before. */
    forget() {
        this.drop();
        this.students.rung = 0;
    }

    /** The next engine begins anew. */
    drop() {
        this.holds = false;
    }

    /** Go on with `engine`, at the pace that holds or a new one. */
    begin(engine) {
        if (!this.holds) this.renew(engine);
    }

    /** A new pace, by what `engine` took for its student when it was opened. */
    renew({ fullMs }) {
        const { inputSize, targetFps } = this.settings;
        const now = performance.now();
        this.holds = true;
        if (inputSize === "auto") {
            this.pace = new Pace({ steps: stepsOf(this.students.ladder), targetFps, now });
            this.pace.begin({ student: this.students.rung, fullMs }, now);
        } else {
            const share = SHARES.find((each) => each === Number(inputSize)) ?? 1;
            this.pace = new Pace({ steps: [{ student: 0, share, cost: 1 }], targetFps, now });
        }
    }

    /** Let the student of the step run; gives whether there is a pace for what was chosen. */
    settle() {
        if (this.holds) this.students.rung = this.step.student;
        return this.holds;
    }
}
