// The live page's player: a source, an engine and a frame loop between them, and the page's controls around.

import { SHARES, AdaptiveSize, firstShare } from "./adaptive_size.mjs";
import { loadModel } from "./contract.mjs";
import { AUTOMATIC, DialControl } from "./dial_control.mjs";
import { DialPanel } from "./dial_panel.mjs";
import { Engine, candidates, choose } from "./engine.mjs";
import { FrameLoop } from "./frame_loop.mjs";
import { studentInput } from "./geometry.mjs";
import { build, figureLines, fill, offer } from "./markup.mjs";
import { UserError, sentence, sizeSentence } from "./messages.mjs";
import { Film, fileName, shoot } from "./recorder.mjs";
import { cameras, openCamera, openFile, openSample } from "./source.mjs";
import { Window } from "./timing.mjs";
import { Inbox, record, refusal } from "./training.mjs";

const REPORT_MS = 2000;
const FIGURES_MS = 500;
const LENS = { zoom: 4, more: 3, step: 16 }; // times at least, and more than is shown anyway; pixels of a key press
const DEFAULTS = {
    compareWith: "bicubic",
    view: "split",
    camera: "user",
    resolution: "640x480",
    mirror: "auto",
    engine: "auto",
    inputSize: "auto",
    targetFps: 15,
    figures: true,
    lens: false,
    split: 0.5,
    threads: 0, // as many as there are
    strength: 1,
    denoise: AUTOMATIC,
    sharpen: AUTOMATIC,
};
const CHOICES = ["model", "compareWith", "view", "camera", "resolution", "mirror", "engine", "inputSize", "targetFps"];
const NEW_ENGINE = new Set(["model", "compareWith", "engine", "threads"]);
const NEW_SOURCE = new Set(["camera", "resolution"]);
const NEW_PACE = new Set(["inputSize", "targetFps"]);

/**
 * A player inside `parent`. `report` is told every 2 s at most how it goes.
 *
 * @param {HTMLElement} parent
 * @param {object} options {models, base: {ort, web}, sample, capture, settings}: see app/live
 * @param {(state: object) => void} report
 */
export function mount(parent, options, report = () => {}) {
    return new Player(parent, options, report);
}

class Player {
    constructor(parent, options, report) {
        this.options = { models: [], sample: null, capture: null, ...options };
        this.options.base = absolute(options.base);
        this.settings = { ...DEFAULTS, model: this.options.models[0]?.name, ...given(options.settings) };
        this.chosen = {}; // by the viewer
        this.report = report;
        this.window = new Window();
        this.models = new Map(); // by the address of the contract
        this.work = Promise.resolve();
        this.ui = build(this.options.base.web);
        this.gone = new AbortController();
        parent.append(this.ui.root);
        this.panel = new DialPanel(this.ui.dials, (changes) => this.#turnByHand(changes), this.gone.signal);
        this.dials = new DialControl({
            settings: this.settings,
            changed: () => this.panel.show(this.settings, this.dials),
            turned: () => this.#refresh(),
            failed: (error, engine) => this.#fallBack(sentence(error), engine),
        });
        this.#listen();
        this.#showOptions();
        this.told = JSON.stringify(this.#state());
        this.timers = [setInterval(() => this.#tell(), REPORT_MS), setInterval(() => this.#showFigures(), FIGURES_MS)];
    }

    /** Take what changed; the viewer's own choices stay, and so does the camera. */
    update(options) {
        const before = given(this.options.settings);
        this.options = { ...this.options, ...options, base: this.options.base };
        const known = [before, this.settings, JSON.parse(this.told).settings]; // what was told comes back: no news
        const isNews = ([name, value]) => known.every((settings) => String(value) !== String(settings[name]));
        const changed = Object.entries(given(options.settings)).filter(isNews);
        this.#showOptions();
        if (changed.length > 0) this.#choose(Object.fromEntries(changed));
        const renewed = changed.some(([name]) => NEW_ENGINE.has(name));
        if (!renewed && this.#isOutdated()) this.#queue(() => this.#changeEngine());
    }

    /** Leave: the camera is let go at once. */
    destroy() {
        this.gone.abort();
        for (const timer of this.timers) clearInterval(timer);
        this.recording?.abort();
        this.#letGo();
        this.#closeEngine();
        offer(this.ui.kept, []);
        this.ui.root.remove();
    }

    // -- starting and stopping

    /** Play what `open` gives. */
    #play(open) {
        this.#queue(async () => {
            this.#letGo();
            const source = await open();
            if (this.gone.signal.aborted) {
                source.stop();
                return;
            }
            this.source = source;
            this.dials.newSource();
            source.onend = (why) => this.#stop(why);
            await this.#showCameras();
            if (!this.engine) await this.#openEngine(candidates(this.settings.engine));
            this.#run();
        });
    }

    #camera() {
        const [width, height] = this.settings.resolution.split("x").map(Number);
        const { camera } = this.settings;
        const facing = ["user", "environment"].includes(camera);
        return openCamera({ ...(facing ? { facing: camera } : { deviceId: camera }), size: { width, height } });
    }

    async #openEngine(names) {
        this.#closeEngine();
        this.#note(["The student is being loaded and tested…"]);
        const addresses = this.#addresses();
        const models = await Promise.all(this.#chosenModels().map((model) => this.#load(model)));
        const automatic = this.settings.engine === "auto";
        const open = (engine) =>
            Engine.open({ engine, models, automatic, base: this.options.base, threads: this.settings.threads });
        const enoughMs = automatic ? 1000 / this.settings.targetFps : Infinity; // what is asked for by name need not be fast
        const { engine, refused } = await choose({ names, open, enoughMs });
        if (this.gone.signal.aborted) {
            engine.close();
            return;
        }
        this.engine = engine;
        this.opened = models;
        this.dials.attach(engine, models);
        this.addresses = addresses;
        this.names = names.slice(names.indexOf(engine.engine) + 1); // to fall back to
        this.refused = refused;
        engine.onlost = (why) => this.#fallBack(why, engine);
        this.ui.screen.replaceChildren(engine.canvas);
    }

    #run() {
        const { engine, source } = this;
        if (!engine || !source) return; // stopped meanwhile
        this.pump?.stop();
        this.#newPace();
        const work = (frame) => this.#frame(frame);
        this.pump = new FrameLoop({ source, work, failed: (error) => this.#fallBack(sentence(error), engine) });
        this.#flow();
        this.#refresh(); // by the new engine
        this.#showNotes();
        this.#showRunning(true);
    }

    /** An engine that failed is left, and the next one goes on with the same camera. */
    #fallBack(why, engine) {
        if (engine !== this.engine || !this.source) return; // it was left already
        this.pump?.stop();
        this.#closeEngine();
        const { names } = this;
        if (names.length === 0) {
            this.#stop(why);
            return;
        }
        this.#queue(async () => {
            if (!this.source) return;
            await this.#openEngine(names);
            this.refused = [why, ...this.refused];
            this.#run();
        });
    }

    #stop(why = "") {
        this.#letGo();
        this.#closeEngine();
        this.#showRunning(false);
        this.#note([]);
        this.#fail(why);
    }

    #letGo() {
        this.pump?.stop();
        this.source?.stop();
        this.source = null;
        this.#setPaused(false); // that was said of its picture
        if (this.film) this.#endFilm();
    }

    #closeEngine() {
        this.engine?.close();
        this.engine = null;
        this.dials.detach();
        this.last = null;
    }

    /** One thing at a time, in the order that it was asked for; what fails is said. */
    #queue(job) {
        this.work = this.work.then(async () => {
            if (this.gone.signal.aborted) return;
            this.#fail("");
            this.#showBusy(true);
            try {
                await job();
            } catch (error) {
                if (!this.gone.signal.aborted) this.#stop(sentence(error));
            } finally {
                this.#showBusy(false);
            }
        });
    }

    // -- models

    #chosenModels() {
        const { model, compareWith } = this.settings;
        const names = compareWith === "bicubic" || compareWith === model ? [model] : [model, compareWith];
        return names.map((name) => {
            const found = this.options.models.find((one) => one.name === name);
            if (!found) throw new UserError(`There is no student ${name ?? ""} here. Train one, or choose another one.`);
            return found;
        });
    }

    #addresses() {
        const { model, compareWith } = this.settings;
        const chosen = this.options.models.filter(({ name }) => name === model || name === compareWith);
        return chosen.map(({ contract }) => contract).join(" ");
    }

    /** Whether other students run than are chosen: under the same name there may be one that was trained anew. */
    #isOutdated() {
        return Boolean(this.source && this.engine && this.addresses !== this.#addresses());
    }

    async #load(model) {
        const key = model.contract;
        if (!this.models.has(key)) this.models.set(key, await loadModel(model));
        return { ...this.models.get(key), name: model.name, title: model.title };
    }

    // -- frames

    async #frame(frame) {
        const started = performance.now();
        const { share } = this.stepper;
        try {
            const done = await this.engine.call("frame", { frame, share, view: this.#view() }, [frame]);
            const now = performance.now();
            this.last = done;
            this.window.add({ now, total: now - started, parts: done.parts });
            this.#shown(done);
            if (this.settings.inputSize === "auto") this.#step(now - started, now);
            this.dials.afterFrame(now);
        } finally {
            frame.close(); // where it was not given away
        }
    }

    #step(ms, now) {
        const before = this.stepper.share;
        if (this.stepper.add(ms, now) !== before) this.window.clear();
    }

    #shown({ output: [width, height] }) {
        const columns = this.settings.view === "side" ? 2 * width : width;
        this.ui.stage.style.setProperty("--shape", `${columns} / ${height}`);
        this.film?.add(this.engine.canvas, this.#mirrored());
        this.#paintLens();
    }

    #view() {
        const { view, split, strength } = this.settings;
        return { view, split, strength: Number(strength), mirror: this.#mirrored() };
    }

    #mirrored() {
        const { mirror } = this.settings;
        return mirror === "auto" ? Boolean(this.source?.front && this.source.kind === "camera") : mirror === "on";
    }

    #newPace() {
        const { inputSize, targetFps } = this.settings;
        const first = firstShare(this.engine.fullMs, targetFps);
        const share = inputSize === "auto" ? first : Number(inputSize);
        this.stepper = new AdaptiveSize({ targetFps, share: SHARES.includes(share) ? share : 1, now: performance.now() });
        this.window.clear();
    }

    #setPaused(paused) {
        this.paused = paused;
        this.ui.pause.setAttribute("aria-pressed", String(paused));
        this.#flow();
    }

    #flows() {
        return !this.paused && document.visibilityState === "visible";
    }

    /** Frames flow while they are wanted and seen. */
    #flow() {
        if (!this.source || !this.pump) return;
        if (this.#flows()) {
            this.pump.start();
            this.source.resume();
        } else {
            this.pump.stop();
            this.source.pause();
            this.window.clear();
        }
    }

    /** A picture that rests is made anew. */
    #refresh() {
        if (this.source && this.engine && this.pump && !this.#flows()) this.pump.push(1);
    }

    async #redraw() {
        this.#showView();
        if (!this.engine || !this.last) return;
        await this.engine.call("redraw", { view: this.#view() }).catch(() => {}); // the next frame says what is wrong
        if (this.last) this.#shown(this.last);
    }

    // -- settings

    #choose(changes) {
        const { targetFps } = changes;
        Object.assign(this.settings, given(changes), targetFps ? { targetFps: Number(targetFps) } : {});
        const names = Object.keys(changes);
        this.#showOptions();
        if (!this.source) return;
        if (names.some((name) => NEW_SOURCE.has(name)) && this.source.kind === "camera") this.#play(() => this.#camera());
        if (names.some((name) => NEW_ENGINE.has(name))) this.#queue(() => this.#changeEngine());
        else if (names.some((name) => NEW_PACE.has(name)) && this.engine) this.#newPace();
        this.dials.apply();
        this.#redraw();
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
        this.dials.apply();
        if ("strength" in changes) this.#refresh();
    }

    async #changeEngine() {
        if (!this.source) return;
        this.pump?.stop();
        await this.#openEngine(candidates(this.settings.engine));
        this.#run();
    }

    #listen() {
        const { ui } = this;
        const on = (target, event, act) => target.addEventListener(event, act, { signal: this.gone.signal });
        on(ui.start, "click", () => this.#play(() => this.#camera()));
        on(ui.sample, "click", () => this.#play(() => openSample(this.options.sample)));
        on(ui.open, "click", () => ui.file.click());
        on(ui.file, "change", () => this.#openChosenFile());
        on(ui.stop, "click", () => this.#stop());
        on(ui.pause, "click", () => this.#setPaused(!this.paused));
        on(ui.snapshot, "click", () => this.#snapshot());
        on(ui.film, "click", () => (this.film ? this.#endFilm() : this.#beginFilm()));
        on(ui.lensButton, "click", () => this.#choose({ lens: !this.settings.lens }));
        on(ui.figuresButton, "click", () => this.#choose({ figures: !this.settings.figures }));
        on(ui.fullscreen, "click", () => this.#fullscreen());
        for (const name of CHOICES) on(ui[name], "change", () => this.#chooseByHand({ [name]: ui[name].value }));
        on(ui.stage, "pointerdown", (event) => this.#drag(event));
        on(ui.stage, "pointermove", (event) => this.#moveLens(event));
        on(ui.handle, "keydown", (event) => this.#splitKey(event));
        on(ui.lens, "keydown", (event) => this.#lensKey(event));
        on(ui.trainingForm, "submit", (event) => this.#recordForTraining(event));
        on(ui.clipFrames, "input", () => this.#showConsent());
        on(ui.clipName, "input", () => this.#showConsent());
        on(ui.cancel, "click", () => this.recording?.abort());
        on(document, "visibilitychange", () => this.#flow());
        on(window, "pagehide", () => this.#stop());
    }

    #openChosenFile() {
        const [file] = this.ui.file.files;
        this.ui.file.value = ""; // the same one may be chosen again
        if (file) this.#play(() => openFile(file));
    }

    // -- split and lens

    #drag(event) {
        if (event.target.closest("button, input, a") || this.settings.view !== "split" || !this.engine) return;
        const { stage } = this.ui;
        const follow = ({ clientX }) => {
            const { left, width } = stage.getBoundingClientRect();
            this.#setSplit((clientX - left) / width);
        };
        const over = new AbortController();
        stage.setPointerCapture(event.pointerId);
        stage.addEventListener("pointermove", follow, { signal: over.signal });
        for (const end of ["pointerup", "pointercancel"]) {
            stage.addEventListener(end, () => over.abort(), { signal: over.signal });
        }
        follow(event);
    }

    #splitKey(event) {
        const moves = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };
        const ends = { Home: 0, End: 1 };
        if (event.key in moves) this.#setSplit(this.settings.split + moves[event.key]);
        else if (event.key in ends) this.#setSplit(ends[event.key]);
        else return;
        event.preventDefault();
    }

    #setSplit(split) {
        this.settings.split = Math.min(1, Math.max(0, split));
        this.#showView();
        if (this.redrawing) return; // a drag gives more positions than can be drawn: the newest wins
        this.redrawing = this.#redraw().finally(() => {
            this.redrawing = null;
        });
    }

    #moveLens({ clientX, clientY }) {
        const { left, top, width, height } = this.ui.stage.getBoundingClientRect();
        this.#setLens((clientX - left) / width, (clientY - top) / height);
    }

    #lensKey(event) {
        const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        const move = moves[event.key];
        if (!move) return;
        const { width, height } = this.ui.stage.getBoundingClientRect();
        const { x, y } = this.lensAt ?? { x: 0.5, y: 0.5 };
        this.#setLens(x + (move[0] * LENS.step) / width, y + (move[1] * LENS.step) / height);
        event.preventDefault();
    }

    #setLens(x, y) {
        this.lensAt = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
        this.#paintLens();
    }

    #paintLens() {
        if (!this.settings.lens || !this.engine || !this.last) return;
        const { lens } = this.ui;
        const { x, y } = this.lensAt ?? { x: 0.5, y: 0.5 };
        const { canvas } = this.engine;
        const side = lens.width / Math.max(LENS.zoom, (LENS.more * this.ui.stage.clientWidth) / canvas.width);
        const mirrored = this.#mirrored();
        const context = lens.getContext("2d", { alpha: false });
        context.imageSmoothingEnabled = false;
        context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? lens.width : 0, 0);
        context.clearRect(0, 0, lens.width, lens.height);
        const column = (mirrored ? 1 - x : x) * canvas.width - side / 2;
        context.drawImage(canvas, column, y * canvas.height - side / 2, side, side, 0, 0, lens.width, lens.height);
        Object.assign(lens.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    }

    async #fullscreen() {
        const { stage } = this.ui;
        if (stage.getRootNode().fullscreenElement) await document.exitFullscreen();
        else await stage.requestFullscreen();
    }

    // -- taking home

    /** Whether there is a picture to keep; where there is none, that is said. */
    #hasPicture() {
        if (!this.last) this.#note(["There is no picture yet: the student is being loaded. Try again when it shows one."]);
        return Boolean(this.last);
    }

    async #snapshot() {
        if (!this.#hasPicture()) return;
        try {
            const [student, compared] = this.opened;
            const pictures = await this.engine.call("pictures");
            const titles = { raw: "Raw", bicubic: "Bicubic", compared: compared?.title, student: student.title };
            const kept = Object.entries(titles).filter(([what]) => pictures[what]);
            offer(this.ui.kept, kept.map(([what, title]) => ({ title, name: fileName(what, "png"), blob: pictures[what] })));
        } catch (error) {
            this.#fail(sentence(error));
        }
    }

    #beginFilm() {
        if (!this.#hasPicture()) return;
        try {
            const { width, height } = this.engine.canvas;
            this.film = new Film({ width, height });
            this.#showFilm();
        } catch (error) {
            this.#fail(sentence(error));
        }
    }

    async #endFilm() {
        const { film } = this;
        this.film = null;
        this.#showFilm();
        const blob = await film.end();
        const extension = blob.type === "video/mp4" ? "mp4" : "webm";
        if (!this.gone.signal.aborted) offer(this.ui.kept, [{ title: "Film", name: fileName("film", extension), blob }]);
    }

    // -- frames for training

    async #recordForTraining(event) {
        event.preventDefault();
        const { ui, options } = this;
        const wish = this.#wish();
        const why = this.source?.kind === "camera" ? refusal(wish, options.capture.limits) : "Start the camera first.";
        if (why || this.recording) {
            ui.trainingNote.textContent = why ?? "";
            return;
        }
        this.recording = new AbortController();
        this.#showRecording(true);
        try {
            const camera = { shoot: () => shoot(this.#runningSource()), rests: () => Boolean(this.source) && !this.#flows() };
            const { clip } = await record(camera, wish, new Inbox(options.capture), {
                progress: (step) => this.#showProgress(step),
                wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
                now: () => performance.now(),
                signal: this.recording.signal,
            });
            ui.trainingNote.textContent = `${wish.frames} frames are stored as ${clip ?? wish.name}. The Data page shows them.`;
        } catch (error) {
            ui.trainingNote.textContent = sentence(error);
        } finally {
            this.recording = null;
            this.#showRecording(false);
        }
    }

    #runningSource() {
        if (!this.source) throw new UserError("The camera was stopped; nothing was kept.");
        return this.source;
    }

    #wish() {
        const { clipName, clipFrames, clipPace } = this.ui;
        return { name: clipName.value.trim(), frames: Number(clipFrames.value), perSecond: Number(clipPace.value) };
    }

    #showProgress({ countdown, rests, done, frames }) {
        const { ui } = this;
        ui.countdown.textContent = countdown ?? "";
        if (rests) ui.trainingNote.textContent = "Paused. The recording continues with the picture, or ends after a minute.";
        if (done) {
            Object.assign(ui.progress, { max: frames, value: done });
            ui.trainingNote.textContent = `${done} of ${frames} frames`;
        }
    }

    #showRecording(on) {
        const { record: button, cancel, progress, countdown } = this.ui;
        button.hidden = on;
        cancel.hidden = !on;
        progress.hidden = !on;
        progress.value = 0;
        countdown.textContent = "";
    }

    #showConsent() {
        const { name, frames } = this.#wish();
        const text =
            `I agree that ${frames || 0} frames of this camera are sent to the server of this page and stored there as pictures, ` +
            `without sound, in data/inbox/${name || "…"}. Whoever runs that server can see them and train with them.`;
        if (text === this.ui.consentText.textContent) return;
        this.ui.consentText.textContent = text;
        this.ui.consent.checked = false; // that was given to another sentence
    }

    // -- showing

    #showOptions() {
        const { ui, settings, options } = this;
        const models = options.models.map(({ name, title }) => [name, title]);
        fill(ui.model, models, settings.model);
        settings.model = ui.model.value || undefined;
        const others = models.filter(([name]) => name !== settings.model);
        fill(ui.compareWith, [["bicubic", "Bicubic"], ...others], settings.compareWith);
        settings.compareWith = ui.compareWith.value;
        for (const name of CHOICES.slice(2)) ui[name].value = String(settings[name]);
        ui.sample.hidden = !options.sample;
        ui.training.hidden = !options.capture;
        ui.clipFrames.max = options.capture?.limits.frames ?? "";
        ui.clipPace.max = options.capture?.limits.per_second ?? "";
        ui.fullscreen.hidden = !document.fullscreenEnabled;
        ui.lensButton.setAttribute("aria-pressed", String(settings.lens));
        ui.figuresButton.setAttribute("aria-pressed", String(settings.figures));
        this.#showConsent();
        this.#showView();
    }

    async #showCameras() {
        const facing = [
            ["user", "Front"],
            ["environment", "Rear"],
        ];
        const known = (await cameras()).map(({ deviceId, label }) => [deviceId, label]);
        fill(this.ui.camera, [...facing, ...known], this.settings.camera);
    }

    #showView() {
        const { ui, settings } = this;
        const on = Boolean(this.engine && this.source);
        const both = on && settings.view !== "single";
        ui.stage.dataset.mirrored = String(this.#mirrored());
        ui.handle.hidden = !(on && settings.view === "split");
        ui.handle.style.left = `${100 * settings.split}%`;
        ui.handle.setAttribute("aria-valuenow", String(Math.round(100 * settings.split)));
        ui.leftTag.hidden = !both;
        ui.rightTag.hidden = !on;
        ui.lens.hidden = !(on && settings.lens);
        ui.figures.hidden = !(on && settings.figures);
        if (!on) return;
        ui.leftTag.textContent = this.opened[1]?.title ?? "Bicubic";
        ui.rightTag.textContent = this.opened[0].title;
    }

    #showRunning(on) {
        const { ui } = this;
        ui.welcome.hidden = on;
        ui.bar.hidden = !on;
        if (!on) for (const part of [ui.screen, ui.figures]) part.replaceChildren();
        this.#showView();
    }

    #showBusy(busy) {
        const { start, sample, open } = this.ui;
        for (const button of [start, sample, open]) button.disabled = busy;
    }

    #showFilm() {
        this.ui.film.setAttribute("aria-pressed", String(Boolean(this.film)));
        this.ui.film.textContent = this.film ? "Stop recording" : "Record";
    }

    #showNotes() {
        const { engine, source, refused } = this;
        const size = sizeSentence(source.size, studentInput(this.opened[0].contract.geometry));
        const unchecked = this.opened.some(({ checked }) => !checked);
        this.#note([
            ...refused,
            refused.length > 0 ? `${engine.backend} is used.` : null,
            engine.threads === 1 && !globalThis.crossOriginIsolated ? "Without its two headers this page has one thread." : null,
            unchecked ? "Without https the model's hash cannot be checked here." : null,
            size,
        ]);
    }

    #note(sentences) {
        this.ui.notes.textContent = sentences.filter(Boolean).join(" ");
    }

    #fail(why) {
        this.ui.error.textContent = why;
        this.error = why;
    }

    #state() {
        const { model, targetFps } = this.settings;
        return {
            ...this.window.summary(performance.now()),
            dropped: this.pump?.dropped ?? 0,
            backend: this.engine?.backend ?? null,
            threads: this.engine?.threads ?? null,
            input: this.last?.input ?? null,
            output: this.last?.output ?? null,
            model,
            target_fps: targetFps,
            source: this.source?.kind ?? null,
            settings: { ...this.chosen },
            error: this.error || null,
        };
    }

    #showFigures() {
        if (!this.last || !this.source || !this.settings.figures) return;
        const lines = figureLines({ ...this.#state(), title: this.opened[0].title });
        this.ui.figures.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    }

    #tell() {
        const state = this.#state();
        const told = JSON.stringify(state);
        if (told === this.told) return;
        this.told = told;
        this.report(state);
    }
}

/** The settings that say something: what comes from Python may hold nulls. */
function given(settings) {
    return Object.fromEntries(Object.entries(settings ?? {}).filter(([, value]) => value !== null && value !== undefined));
}

/** Addresses of folders as a worker needs them: whole, with a slash at the end. */
function absolute({ ort, web }) {
    const whole = (url) => String(new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI));
    return { ort: whole(ort), web: whole(web) };
}
