// What runs: a source, an engine and the frames between them. A state machine that knows no page.
//
//   idle ── play ──> starting ──> running <──> changing (another source or engine is on its way)
//     ^                 │            │            │
//     └──── stop, or nothing that can go on ──────┘          leave: from any of them to left, for good

import { DialControl } from "./dial_control.mjs";
import { openFirst } from "./engine.mjs";
import { JobQueue } from "./job_queue.mjs";
import { LOADING, runningSentences, sentence } from "./messages.mjs";
import { Playback } from "./playback.mjs";
import { Pacing } from "./pacing.mjs";
import { NEW_CAMERA, NEW_PACE, NEW_STUDENT } from "./settings.mjs";
import { Showing } from "./showing.mjs";
import { Window } from "./timing.mjs";

export class Session extends Showing {
    /**
     * @param {object} settings of the viewer, read whenever they matter
     * @param {object} students {addresses, load, ladder, rung}: see students.mjs
     * @param {boolean} runtime whether the page has ONNX Runtime
     * @param {() => Promise<object>} openCamera as the settings ask for it
     * @param {(about: {engine: string, models: object[], automatic: boolean}) => Promise<object>} openEngine
     * @param {() => boolean} isSeen whether anyone can see the picture
     * @param {object} on {changed: there is something else to show; drawn: a frame is on the canvas; dials: they changed;
     *     source: one was opened, and its engine waits for this}
     */
    constructor({ settings, students, runtime = true, openCamera, openEngine, isSeen, on }) {
        super({ settings, isSeen, on });
        Object.assign(this, { students, runtime, openCamera, openEngine });
        Object.assign(this, { state: "idle", busy: false, error: "", notes: "" });
        this.pace = new Pacing({ settings, students });
        this.window = new Window();
        this.jobs = new JobQueue({
            busy: (busy) => this.say(busy ? { busy, error: "" } : { busy }),
            failed: (error) => this.stop(sentence(error)),
        });
        this.dials = new DialControl({
            settings,
            changed: on.dials,
            turned: () => this.refresh(),
            failed: (error) => this.#fallBack(sentence(error)),
        });
    }

    /** Whether a picture is on the screen, also while another source or engine is on its way. */
    get isShowing() {
        return this.state === "running" || this.state === "changing";
    }

    /** What an engine is opened for. */
    get #wanted() {
        return [this.students.addresses, this.settings.engine, this.settings.threads].join(" ");
    }

    // -- what may be asked for, in any order

    /** Play what `open` gives, in place of what plays. Resolves when that is settled. */
    play(open) {
        return this.jobs.add(async (signal) => {
            if (this.state === "idle") this.state = "starting";
            this.#letSourceGo();
            const source = await open();
            if (signal.aborted) return source.stop();
            this.source = source;
            this.dials.newSource();
            source.onend = (why) => this.stop(why);
            await this.on.source();
            if (signal.aborted) return;
            if (this.engine && this.opened === this.#wanted) this.#run();
            else await this.#runOn(null, signal);
        });
    }

    /** Settings of these `names` have changed. */
    follow(names) {
        if (names.some((name) => NEW_STUDENT.has(name))) this.pace.forget();
        if (names.some((name) => NEW_PACE.has(name))) this.#paceAnew();
        if (this.state === "idle") return;
        if (names.some((name) => NEW_CAMERA.has(name)) && this.source?.kind === "camera") this.play(this.openCamera);
        this.renew();
        this.dials.apply();
        this.redraw();
    }

    /** The same students are to be as fast as is asked for now. */
    #paceAnew() {
        if (!this.playback) return this.pace.drop();
        this.pace.renew(this.engine);
        this.window.clear();
        this.#stepped();
    }

    /** Take another engine where another one is asked for, or other students. */
    renew() {
        if (this.state === "idle" || this.opened === this.#wanted) return;
        this.jobs.add(async (signal) => {
            if (this.opened === this.#wanted) return; // opened meanwhile, or asked for no more
            await this.#runOn(null, signal);
        });
    }

    pause(paused) {
        this.paused = paused;
        this.flow();
        this.on.changed();
    }

    /** Let everything go, and say why. */
    stop(why = "") {
        if (this.state === "left") return;
        this.jobs.drop();
        this.#letAllGo("idle");
        this.say({ error: why, notes: "" });
    }

    /** Let everything go; whatever is asked for afterwards is not done. */
    leave() {
        this.jobs.close();
        this.#letAllGo("left");
    }

    say(sentences) {
        Object.assign(this, sentences);
        this.on.changed();
    }

    // -- how it comes about

    /** Open the first of these engines that does, null: of all that come into question, and go on with it. */
    async #runOn(engines, signal, refusedBefore = []) {
        this.#letEngineGo();
        this.say({ notes: LOADING });
        this.opened = this.#wanted;
        const models = await this.students.load();
        const { settings, runtime, openEngine } = this;
        const { engine, others, refused } = await openFirst({ engines, models, settings, runtime, openEngine });
        if (signal.aborted) return engine.close();
        Object.assign(this, { engine, models, others, refused: [...refusedBefore, ...refused] });
        this.dials.attach(engine, models);
        engine.onlost = (why) => this.#fallBack(why);
        this.#run();
    }

    #run() {
        const { source, engine, settings, pace, window } = this;
        const view = () => this.view;
        const drawn = (now) => this.#drawn(now);
        const stepped = () => this.#stepped();
        const failed = (error) => this.#fallBack(sentence(error));
        this.pace.begin(engine);
        this.playback = new Playback({ source, engine, settings, pace, window, view, drawn, stepped, failed });
        this.state = "running";
        this.flow();
        this.refresh(); // by the new engine
        this.#stepped();
    }

    /** The pace has a step: another student may have to be opened. */
    #stepped() {
        if (!this.pace.settle()) return; // another student was chosen
        this.say({ notes: runningSentences(this) });
        this.renew();
    }

    #drawn(now) {
        this.on.drawn();
        this.dials.afterFrame(now);
    }

    /** The engine failed: the next one goes on with the same source. */
    #fallBack(why) {
        this.#letEngineGo();
        if (!this.source) return; // the one that is being opened gets an engine of its own
        if (this.others.length === 0) return this.stop(why);
        this.jobs.add(async (signal) => {
            if (this.engine) return; // another one was asked for meanwhile
            await this.#runOn(this.others, signal, [why]);
        });
    }

    #letSourceGo() {
        this.#endPlayback();
        this.closeSource();
        this.pause(false); // that was said of its picture
    }

    #letEngineGo() {
        this.#endPlayback();
        this.closeEngine();
        this.dials.detach();
    }

    #endPlayback() {
        this.endPlayback();
        if (this.state === "running") this.state = "changing";
    }

    #letAllGo(state) {
        this.#letSourceGo();
        this.#letEngineGo();
        this.state = state;
    }
}
