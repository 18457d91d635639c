import assert from "node:assert/strict";
import { test } from "node:test";

import { Engine } from "../../../app/live/web/engine.mjs";
import { LOADING, UserError } from "../../../app/live/web/messages.mjs";
import { Session } from "../../../app/live/web/session.mjs";
import { DEFAULTS } from "../../../app/live/web/settings.mjs";

const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

async function settle(turns = 60) {
    for (let turn = 0; turn < turns; turn += 1) await turnOfTheLoop();
}

/** What a worker posts back, a turn of the event loop later, until it is ended. */
class FakeWorker {
    constructor(answers) {
        Object.assign(this, { answers, ended: false, calls: [] });
    }

    postMessage({ id, call, args }) {
        this.calls.push(call);
        this.args = args; // the last ones
        setImmediate(() => {
            const answer = this.answers[call]?.(args);
            if (!this.ended)
                this.onmessage({ data: answer instanceof Error ? { id, error: answer.message } : { id, value: answer } });
        });
    }

    lose() {
        if (!this.ended) this.onmessage({ data: { lost: `${this.name} was lost.` } });
    }

    terminate() {
        this.ended = true;
    }
}

class FakeSource {
    constructor(kind, frames) {
        Object.assign(this, { kind, frames, stopped: false, rests: false, front: true, size: { width: 640, height: 480 } });
        Object.assign(this, { onframe: () => {}, onend: () => {} });
    }

    async grab() {
        await turnOfTheLoop();
        if (this.stopped) throw new Error("a stopped camera gives no frames");
        const frame = { closed: false, close: () => Object.assign(frame, { closed: true }) };
        this.frames.push(frame);
        return frame;
    }

    pause() {
        this.rests = true;
    }

    resume() {
        this.rests = false;
    }

    stop() {
        this.stopped = true;
    }
}

/**
 * A session with fakes around it, and everything that was begun in it. `broken`: by engine, what fails how; `slow`: by student,
 * what a frame takes; `lighter`: the student that may run in place of the one that is chosen.
 */
function world({ settings = {}, broken = {}, web = null, slow = {}, lighter = null } = {}) {
    const made = { workers: [], sources: [], frames: [], states: ["idle"], drawn: 0, seen: true, broken };
    const known = { ...DEFAULTS, model: "first", ...settings };
    const contract = { dials: null, estimator: null, web, geometry: { width: 640, height: 512, scale: 2 } };
    const students = {
        rung: 0,
        get ladder() {
            const chosen = { title: known.model, weight: 3 };
            return lighter ? [chosen, { title: lighter, weight: 1 }] : [chosen];
        },
        get addresses() {
            return this.ladder[this.rung].title;
        },
        load: async () => {
            await turnOfTheLoop();
            if (known.model === "missing") throw new UserError("There is no such student.");
            return [{ title: students.addresses, contract, checked: true }];
        },
    };
    made.openSource = async (kind = "camera") => {
        await turnOfTheLoop();
        const source = new FakeSource(kind, made.frames);
        made.sources.push(source);
        return source;
    };
    const openEngine = (about) => {
        const name = about.engine;
        const answers = {
            open: () => ({ backend: name, threads: 2, measures: false }),
            measure: () => slow[about.models[0].title] ?? 20,
            frame: () => ({ parts: { capture: 1, before: 1, run: 1, after: 1, draw: 1 }, input: [320, 256], output: [640, 512] }),
        };
        const worker = Object.assign(new FakeWorker({ ...answers, ...made.broken[name] }), { name });
        made.workers.push(worker);
        const canvas = { transferControlToOffscreen: () => ({}) };
        return Engine.open({
            ...about,
            base: { web: "http://page/web/", ort: "http://page/ort/", engine: "http://page/engine/" },
            worker,
            canvas,
        });
    };
    made.session = new Session({
        settings: known,
        students,
        openCamera: made.openSource,
        openEngine,
        isSeen: () => made.seen,
        on: {
            changed: () => made.states.at(-1) !== made.session.state && made.states.push(made.session.state),
            drawn: () => {
                assert.ok(made.session.engine.last);
                made.drawn += 1;
            },
            dials: () => {},
            source: turnOfTheLoop,
        },
    });
    made.start = (kind) => made.session.play(() => made.openSource(kind));
    made.choose = (changes) => {
        Object.assign(known, changes);
        made.session.follow(Object.keys(changes));
    };
    made.show = () => made.sources.at(-1)?.onframe(1);
    made.running = () => made.workers.filter(({ ended }) => !ended);
    made.open = () => made.sources.filter(({ stopped }) => !stopped);
    return made;
}

function assertAllIsLetGo({ workers, sources, frames }) {
    assert.ok(
        workers.every(({ ended }) => ended),
        "workers are ended",
    );
    assert.ok(
        sources.every(({ stopped }) => stopped),
        "cameras are stopped",
    );
    assert.ok(
        frames.every(({ closed }) => closed),
        "frames are closed",
    );
}

async function started(about) {
    const made = world(about);
    made.start();
    await settle();
    assert.equal(made.session.state, "running");
    return made;
}

test("a start opens the source, then an engine, and frames flow", async () => {
    const made = world();
    const { session } = made;
    assert.equal(session.state, "idle");
    made.start();
    await turnOfTheLoop();
    assert.deepEqual([session.state, session.busy, session.isShowing], ["starting", true, false]);
    await turnOfTheLoop();
    await turnOfTheLoop();
    assert.equal(session.notes, LOADING);
    await settle();
    assert.deepEqual([session.state, session.busy, session.isShowing], ["running", false, true]);
    assert.deepEqual(made.states, ["idle", "starting", "running"]);
    made.show();
    await settle();
    assert.equal(made.drawn, 1);
    assert.deepEqual(session.engine.last.output, [640, 512]);
    assert.ok(made.frames.every(({ closed }) => closed));
});

test("where a student is too slow a lighter one runs in its place, in words, until the full one is asked for", async () => {
    const made = await started({ slow: { first: 200 }, lighter: "light" });
    const { session } = made;
    const runs = () => [session.state, session.models[0].title, session.pace.step.share, made.running().length];
    assert.deepEqual(runs(), ["running", "light", 1, 1]);
    assert.match(session.notes, /^first would show too few frames here, so light runs\./);
    made.choose({ inputSize: "1" });
    await settle();
    assert.deepEqual(runs(), ["running", "first", 1, 1]);
    assert.equal(session.notes, "");
    made.choose({ inputSize: "auto" });
    await settle();
    assert.deepEqual(runs(), ["running", "light", 1, 1]);
    made.start("file");
    await settle();
    assert.deepEqual(runs(), ["running", "light", 1, 1]);
    made.choose({ model: "second" });
    await settle();
    assert.deepEqual(runs(), ["running", "second", 1, 1]);
    made.session.stop();
    made.choose({ model: "first" });
    made.start();
    await settle();
    assert.deepEqual(runs(), ["running", "light", 1, 1]);
});

test("a picture of which less is read says so", async () => {
    const made = await started({ slow: { first: 400 } });
    assert.equal(made.session.pace.step.share, 3 / 4);
    assert.match(made.session.notes, /^The full picture takes too long: it is read at 75 % of its sides, and may show less/);
    made.show();
    await settle();
    assert.equal(made.running()[0].args.share, 3 / 4);
    made.choose({ inputSize: "0.5" });
    await settle();
    assert.deepEqual([made.session.pace.step.share, made.session.notes], [1 / 2, ""], "that was asked for");
});

test("frames of one source are fused with each other alone, as strongly as is set, and a photograph is not", async () => {
    const made = await started();
    const asked = async () => {
        made.show();
        await settle();
        return made.running()[0].args.calm;
    };
    const first = await asked();
    assert.equal(first.strength, 1);
    assert.deepEqual(await asked(), first);
    made.choose({ calm: "0.5" });
    assert.deepEqual(await asked(), { ...first, strength: 0.5 });
    made.start("file");
    await settle();
    const second = await asked();
    assert.notEqual(second.stream, first.stream);
    made.sources.at(-1).still = true;
    assert.deepEqual(await asked(), { ...second, strength: 0 });
    assert.equal(made.workers.length, 1, "one engine for all of them");
});

test("a camera that is refused is said, and the next start works", async () => {
    const made = world();
    made.session.play(async () => {
        throw new UserError("The camera was refused.");
    });
    await settle();
    assert.deepEqual([made.session.state, made.session.error, made.session.busy], ["idle", "The camera was refused.", false]);
    made.start();
    await settle();
    assert.deepEqual([made.session.state, made.session.error], ["running", ""]);
});

test("a student that is missing lets the camera go", async () => {
    const made = world({ settings: { model: "missing" } });
    made.start();
    await settle();
    assert.deepEqual([made.session.state, made.session.error], ["idle", "There is no such student."]);
    assertAllIsLetGo(made);
});

test("an engine that cannot be trusted is passed over from the start", async () => {
    const made = await started({ broken: { webgpu: { open: () => new Error("gave a picture without content") } } });
    assert.equal(made.session.engine.backend, "wasm");
    assert.match(made.session.notes, /gave a picture without content wasm is used\./);
    assert.equal(made.running().length, 1);
});

test("an engine that fails at a frame is followed by the next, with the same camera", async () => {
    const made = await started({ broken: { webgpu: { frame: () => new Error("It failed.") } } });
    made.show();
    await settle();
    assert.deepEqual([made.session.state, made.session.engine.backend], ["running", "wasm"]);
    assert.match(made.session.notes, /^It failed\. wasm is used\./);
    assert.deepEqual(made.states, ["idle", "starting", "running", "changing", "running"]);
    assert.deepEqual([made.open().length, made.sources.length, made.running().length], [1, 1, 1]);
    made.show();
    await settle();
    assert.equal(made.drawn, 1);
});

test("our own engine that stops, at its start or at a frame, is followed by ONNX Runtime, in words", async () => {
    const stops = () => new Error("A thread of the engine stopped.");
    for (const call of ["open", "frame"]) {
        const made = await started({ web: {}, settings: { engine: "wasm" }, broken: { integers: { [call]: stops } } });
        made.show();
        await settle();
        assert.deepEqual([made.session.engine.backend, made.open().length, made.running().length], ["wasm", 1, 1]);
        assert.match(made.session.notes, /^A thread of the engine stopped. wasm is used./);
    }
    const lost = await started({ web: {}, settings: { engine: "wasm" } });
    assert.equal(lost.session.engine.backend, "integers");
    lost.workers[0].lose();
    await settle();
    assert.equal(lost.session.engine.backend, "wasm");
});

test("a lost device is followed by the next engine, and the last one's end is the end", async () => {
    const made = await started();
    made.workers[0].lose();
    await settle();
    assert.deepEqual([made.session.state, made.session.engine.backend], ["running", "wasm"]);
    made.running()[0].lose();
    await settle();
    assert.deepEqual([made.session.state, made.session.error], ["idle", "wasm was lost."]);
    assertAllIsLetGo(made);
    made.start();
    await settle();
    assert.deepEqual([made.session.state, made.session.engine.backend], ["running", "webgpu"]);
});

test("a device that is lost while another camera is opened costs no camera, even where it was the last one", async () => {
    const made = await started();
    for (const device of ["webgpu", "wasm"]) {
        if (device === "wasm") made.workers.at(-1).lose();
        await settle();
        made.start();
        await turnOfTheLoop();
        assert.deepEqual([made.session.source, made.session.engine.backend], [null, device]);
        made.workers.at(-1).lose();
        await settle();
        assert.deepEqual([made.session.state, made.session.error], ["running", ""]);
        assert.deepEqual([made.open().length, made.running().length], [1, 1]);
    }
});

test("a frame of the last camera, on its way while another one is opened, neither fails nor is shown", async () => {
    for (const turns of [0, 1]) {
        const made = await started();
        made.show();
        await settle(turns);
        made.choose({ camera: "environment" });
        await settle();
        assert.deepEqual([made.session.state, made.workers.length, made.sources.length], ["running", 1, 2]);
        assert.equal(made.drawn, 0);
    }
});

test("another student takes a new engine and keeps the camera", async () => {
    const made = await started();
    made.choose({ model: "second" });
    await turnOfTheLoop();
    assert.deepEqual([made.session.state, made.session.isShowing], ["changing", true]);
    await settle();
    assert.deepEqual([made.session.state, made.session.models[0].title], ["running", "second"]);
    assert.deepEqual([made.sources.length, made.workers.length, made.running().length], [1, 2, 1]);
});

test("what is chosen and taken back opens nothing; what is chosen while a student is loaded comes next", async () => {
    const made = await started();
    made.choose({ model: "second" });
    made.choose({ model: "first" });
    await settle();
    assert.equal(made.workers.length, 1);
    made.choose({ model: "second" });
    await turnOfTheLoop();
    made.choose({ model: "third" });
    await settle(120);
    assert.deepEqual([made.session.models[0].title, made.running().length], ["third", 1]);
});

test("a device that is lost while another student is asked for does not undo the choice", async () => {
    const made = await started();
    made.choose({ model: "second" });
    made.workers[0].lose();
    await settle(120);
    assert.deepEqual([made.session.engine.backend, made.session.models[0].title], ["webgpu", "second"]);
    assert.equal(made.running().length, 1);
});

test("a student that is chosen while another camera is opened runs on that camera", async () => {
    const made = await started();
    made.choose({ camera: "environment" });
    await turnOfTheLoop();
    made.choose({ model: "second" });
    await settle(120);
    assert.deepEqual([made.session.state, made.session.models[0].title], ["running", "second"]);
    assert.deepEqual([made.open().length, made.running().length], [1, 1]);
});

test("only a camera is opened anew for another resolution", async () => {
    const made = world();
    made.start("file");
    await settle();
    made.choose({ resolution: "320x240" });
    await settle();
    assert.equal(made.sources.length, 1);
});

test("a paused picture takes no frames, but one of another student", async () => {
    const made = await started();
    made.session.pause(true);
    assert.equal(made.sources[0].rests, true);
    made.show();
    await settle();
    assert.equal(made.frames.length, 0);
    made.choose({ model: "second" });
    await settle();
    assert.deepEqual([made.session.paused, made.frames.length, made.drawn], [true, 1, 1]);
    made.session.pause(false);
    made.show();
    await settle();
    assert.deepEqual([made.sources[0].rests, made.frames.length], [false, 2]);
});

test("a pause while a student is loaded holds, and another camera ends it", async () => {
    const made = await started();
    made.choose({ model: "second" });
    await turnOfTheLoop();
    made.session.pause(true);
    await settle();
    assert.deepEqual([made.session.paused, made.sources[0].rests], [true, true]);
    made.choose({ camera: "environment" });
    await settle();
    assert.deepEqual([made.session.paused, made.sources.length, made.sources[1].rests], [false, 2, false]);
});

test("a page that nobody sees takes no frames", async () => {
    const made = await started();
    made.seen = false;
    made.session.flow();
    made.show();
    await settle();
    assert.deepEqual([made.frames.length, made.sources[0].rests], [0, true]);
    made.seen = true;
    made.session.flow();
    made.show();
    await settle();
    assert.equal(made.frames.length, 1);
});

test("a camera that goes away is said", async () => {
    const made = await started();
    made.sources[0].onend("The camera went away.");
    assert.deepEqual([made.session.state, made.session.error], ["idle", "The camera went away."]);
    await settle();
    assertAllIsLetGo(made);
});

for (const end of ["stop", "leave"]) {
    test(`a ${end} at any moment lets everything go`, async () => {
        for (let turns = 0; turns < 30; turns += 1) {
            const made = world();
            made.start();
            await settle(turns);
            if (turns > 15) made.choose({ model: "second", camera: "environment" });
            made.show();
            await settle(turns % 7);
            made.session[end]();
            await settle();
            assert.equal(made.session.state, end === "stop" ? "idle" : "left");
            assert.deepEqual([made.session.busy, made.session.notes], [false, end === "stop" ? "" : made.session.notes]);
            assert.equal(made.session.error, "", `after ${turns} turns`);
            assertAllIsLetGo(made);
        }
    });
}

test("what fails after a stop is no news", async () => {
    const made = world();
    made.session.play(async () => {
        await settle(3);
        throw new UserError("The camera was refused.");
    });
    await turnOfTheLoop();
    made.session.stop();
    await settle();
    assert.deepEqual([made.session.state, made.session.error], ["idle", ""]);
});

test("another view is drawn at once, but not by an engine that is closed", async () => {
    const made = await started();
    made.show();
    await settle();
    made.choose({ view: "side" });
    await settle();
    assert.equal(made.drawn, 2);
    made.choose({ view: "single" });
    made.session.stop();
    await settle();
    assert.equal(made.drawn, 2);
});

test("what is asked for before a stop is not done after it, and what is asked for after it is", async () => {
    const made = world();
    made.start();
    await turnOfTheLoop();
    made.session.stop();
    made.start("sample");
    await settle();
    assert.deepEqual([made.session.state, made.session.source.kind], ["running", "sample"]);
    assert.deepEqual([made.open().length, made.running().length], [1, 1]);
});

test("after leaving nothing begins", async () => {
    const made = await started();
    made.session.leave();
    made.start();
    made.choose({ model: "second", camera: "environment" });
    made.session.pause(true);
    made.session.refresh();
    made.session.stop("too late");
    await settle();
    assert.deepEqual([made.session.state, made.session.error, made.sources.length], ["left", "", 1]);
    assertAllIsLetGo(made);
});

/** Whole numbers below `below`, the same ones for the same seed. */
function dice(seed) {
    let state = seed;
    return (below) => {
        state = (1103515245 * state + 12345) % 2 ** 31;
        return Math.floor((state / 2 ** 31) * below);
    };
}

test("in any order there is one camera and one engine at most, and in the end none", async () => {
    const events = {
        start: ({ start }) => start(),
        sample: ({ start }) => start("sample"),
        student: ({ choose }, roll) => choose({ model: ["first", "second", "missing"][roll(3)] }),
        engine: ({ choose }, roll) => choose({ engine: ["auto", "wasm", "webgpu"][roll(3)] }),
        camera: ({ choose }, roll) => choose({ camera: ["user", "environment"][roll(2)] }),
        pace: ({ choose }, roll) => choose({ inputSize: ["auto", "1", "0.5"][roll(3)] }),
        pause: ({ session }, roll) => session.pause(roll(2) === 1),
        frame: ({ show }) => show(),
        lost: ({ workers }) => workers.at(-1)?.lose(),
        crashed: ({ workers }) => workers.at(-1)?.onerror?.({ message: "out of memory" }),
        broken: ({ broken }, roll) => {
            broken.webgpu = roll(2) ? { frame: () => new Error("It failed.") } : {};
        },
        gone: ({ sources }) => sources.at(-1)?.onend("The camera went away."),
        stop: ({ session }) => session.stop(),
    };
    const names = Object.keys(events);
    for (let seed = 1; seed <= 60; seed += 1) {
        const [roll, made, done] = [dice(seed), world(), []];
        for (let step = 0; step < 40; step += 1) {
            done.push(names[roll(names.length)]);
            events[done.at(-1)](made, roll);
            await settle(roll(8));
            assert.ok(made.open().length <= 1, done.join(", "));
            assert.ok(made.running().length <= 2, `one that runs, one that is compared: ${done.join(", ")}`);
        }
        await settle(200);
        const runs = made.session.state === "running";
        assert.ok(runs || made.session.state === "idle", `${made.session.state} after ${done.join(", ")}`);
        assert.deepEqual([made.open().length, made.running().length], runs ? [1, 1] : [0, 0], done.join(", "));
        made.session.leave();
        await settle(20);
        assertAllIsLetGo(made);
    }
});
