// The live page's player: what runs (session.mjs) and the parts of the page around it, wired to each other.

import { ClipUpload } from "./clip_upload.mjs";
import { withFiles } from "./contract.mjs";
import { Controls } from "./controls.mjs";
import { DialPanel } from "./dial_panel.mjs";
import { Divider } from "./divider.mjs";
import { Engine } from "./engine.mjs";
import { askBeforeLeaving } from "./leaving.mjs";
import { Lens } from "./lens.mjs";
import { build, showAlone } from "./markup.mjs";
import { Mine } from "./mine.mjs";
import { SettingsPanel } from "./panel.mjs";
import { Recorder } from "./recorder.mjs";
import { Reporter } from "./reporter.mjs";
import { Session } from "./session.mjs";
import { DEFAULTS, given } from "./settings.mjs";
import { openCamera, openFile, openSample } from "./source.mjs";
import { Stage } from "./stage.mjs";
import { Students } from "./students.mjs";
import { requireAdapter } from "./webgpu_adapter.mjs";

/**
 * A player inside `parent`. `report` is told every 2 s at most how it goes.
 *
 * @param {HTMLElement} parent
 * @param {object} options {models, base: {ort, engine, web}, sample, capture, mine, settings}: see app/live
 * @param {(state: object) => void} report
 * @param {(wish: object) => void} ask is told what the server has to do: {costs: true}, or {clips, mine, before}
 */
export function mount(parent, options, report = () => {}, ask = () => {}) {
    return new Player(parent, options, report, ask);
}

class Player {
    constructor(parent, options, report, ask) {
        this.options = { models: [], sample: null, capture: null, mine: null, ...options };
        this.base = absolute(options.base);
        this.settings = { ...DEFAULTS, model: this.options.models[0]?.name, ...given(options.settings) };
        this.chosen = {}; // by the viewer
        this.ui = build(this.base.web);
        this.gone = new AbortController();
        parent.append(this.ui.root);
        if (this.settings.clean) showAlone(this.ui.root);
        this.students = new Students(this.settings);
        this.session = this.#newSession();
        this.#addParts(this.gone.signal, ask);
        this.#listen();
        this.#showOptions();
        this.#preferLight();
        const { session, chosen, gone } = this;
        this.reporter = new Reporter(this.ui, { session, chosen, report, signal: gone.signal });
        this.#begin();
    }

    /** Take what changed; the viewer's own choices stay, and so does the camera. */
    update(options) {
        const before = given(this.options.settings);
        this.options = { ...this.options, ...options };
        const known = [before, this.settings, this.reporter.toldSettings]; // what was told comes back: no news
        const isNews = ([name, value]) => known.every((settings) => String(value) !== String(settings[name]));
        const changed = Object.entries(given(options.settings)).filter(isNews);
        this.#showOptions();
        if (changed.length > 0) this.#choose(Object.fromEntries(changed));
        else this.session.renew();
    }

    /** Leave: the camera is let go at once. */
    destroy() {
        this.gone.abort();
        this.session.leave();
        this.ui.root.remove();
    }

    #newSession() {
        const { settings, students, base } = this;
        return new Session({
            settings,
            students,
            runtime: Boolean(base.ort),
            openCamera: () => openCamera(settings),
            openEngine: async ({ engine, models, automatic }) => {
                if (engine === "webgpu") await requireAdapter(automatic); // its files are large
                return Engine.open({
                    engine,
                    automatic,
                    base,
                    threads: settings.threads,
                    models: await withFiles(models, engine),
                });
            },
            isSeen: () => document.visibilityState === "visible",
            on: {
                changed: () => this.stage.show(),
                drawn: () => this.stage.showFrame(),
                dials: () => this.dialPanel.show(settings, this.session.dials),
                source: () => this.panel.showCameras(),
            },
        });
    }

    /** A picture at once: the camera where nothing else is shown, else the sample, unless the viewer wants little to move. */
    #begin() {
        const { session, settings, options } = this;
        const mayMove = !matchMedia("(prefers-reduced-motion: reduce)").matches;
        if (settings.clean) session.play(session.openCamera);
        else if (options.sample && options.models.length > 0 && mayMove) session.play(() => openSample(options.sample));
    }

    #addParts(signal, ask) {
        const { ui, session, settings } = this;
        this.panel = new SettingsPanel(ui, this.settings, (changes) => this.#chooseByHand(changes), signal);
        this.dialPanel = new DialPanel(ui.dials, (changes) => this.#turnByHand(changes), signal);
        const [divider, lens] = [new Divider(ui, session, signal), new Lens(ui, session, signal)];
        this.recorder = new Recorder(ui, session, signal);
        this.stage = new Stage(ui, session, { divider, lens, recorder: this.recorder });
        this.controls = new Controls(ui, signal);
        this.clipUpload = new ClipUpload(ui, session, (clip) => ask({ clips: [clip], mine: false }), signal);
        const costs = () => ask({ costs: true });
        const recorded = (clips) => ask({ clips, mine: true, before: settings.model });
        this.mine = new Mine(ui, session, { costs, recorded }, signal);
        askBeforeLeaving(() => this.#loss, signal);
    }

    #listen() {
        const { ui, session, settings } = this;
        const on = (target, event, act) => target.addEventListener(event, act, { signal: this.gone.signal });
        on(ui.start, "click", () => session.play(session.openCamera));
        on(ui.sample, "click", () => session.play(() => openSample(this.options.sample)));
        on(ui.open, "click", () => ui.file.click());
        on(ui.file, "change", () => this.#openChosenFile());
        on(ui.stop, "click", () => session.stop());
        on(ui.pause, "click", () => session.pause(!session.paused));
        on(ui.lensButton, "click", () => this.#choose({ lens: !settings.lens }));
        on(ui.figuresButton, "click", () => this.#choose({ figures: !settings.figures }));
        on(ui.fullscreen, "click", () => this.#fullscreen());
        on(document, "visibilitychange", () => session.flow());
        on(window, "pagehide", () => session.stop());
    }

    /** What would be lost if the viewer left now. */
    get #loss() {
        if (this.recorder.isFilming) return "Your film is not finished and would be lost.";
        return this.mine.recording || this.clipUpload.recording ? "The recording is not finished and would be lost." : "";
    }

    #openChosenFile() {
        const [file] = this.ui.file.files;
        this.ui.file.value = ""; // the same one may be chosen again
        if (file) this.session.play(() => openFile(file));
    }

    async #fullscreen() {
        const { theatre } = this.ui;
        if (theatre.getRootNode().fullscreenElement) await document.exitFullscreen();
        else await theatre.requestFullscreen();
    }

    // -- settings

    /** Without a graphics processor begin with the lightest student, unless another one is chosen. */
    async #preferLight() {
        const { light, settings } = this.options;
        if (!light || given(settings).model) return;
        const hasGpu = await requireAdapter(true).then(
            () => this.settings.engine !== "wasm",
            () => false,
        );
        if (!hasGpu && !this.chosen.model) this.#choose({ model: light });
    }

    #choose(changes) {
        const { targetFps } = changes;
        Object.assign(this.settings, given(changes), targetFps ? { targetFps: Number(targetFps) } : {});
        this.#showOptions();
        this.session.follow(Object.keys(changes));
    }

    /** What the viewer chose is told to the page too, which remembers it. */
    #chooseByHand(changes) {
        Object.assign(this.chosen, changes);
        this.#choose(changes);
    }

    /** The same of the sliders, which move often and need neither another engine nor a drawing of all settings. */
    #turnByHand(changes) {
        Object.assign(this.chosen, changes);
        Object.assign(this.settings, changes);
        this.session.dials.apply();
        if ("strength" in changes) this.session.refresh();
    }

    // -- showing

    #showOptions() {
        const { ui, options } = this;
        this.students.offered = options.models;
        this.panel.show(options.models);
        this.clipUpload.show(options.capture);
        this.mine.show(options.mine, options.capture);
        ui.fullscreen.hidden = !document.fullscreenEnabled;
        this.stage.offer(options);
    }
}

/** Addresses of folders as a worker needs them: whole, with a slash at the end. A page may have no ONNX Runtime. */
function absolute(base) {
    const whole = (url) => String(new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI));
    return Object.fromEntries(Object.entries(base).map(([name, url]) => [name, url && whole(url)]));
}
