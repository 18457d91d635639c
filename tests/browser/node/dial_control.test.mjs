import assert from "node:assert/strict";
import { test } from "node:test";

import { DialControl } from "../../../app/live/web/dial_control.mjs";
import { UserError } from "../../../app/live/web/messages.mjs";

const neutral = [0.25, 0.25, 0.15, 0.25];
const model = { contract: { dials: { neutral }, estimator: { prior: [1, 1, 1, 1] } }, file: async (form) => form };
const old = { contract: { dials: null, estimator: null } };
const camera = [0.5, 0.8, 0.15, 0.25];

/** An engine whose windows all say `says`; answers come when the event loop has turned. */
function engine({ says = camera, measures = true, fails = {} } = {}) {
    const made = { measures, calls: [], says };
    made.call = async (name, args) => {
        made.calls.push(name === "turn" ? `turn ${args.setting}` : name);
        await settle(1);
        if (fails[name]) throw new UserError(fails[name]);
        return name === "look" ? { count: 4, ms: 1 } : { values: made.says, weights: [1, 1, 1, 1].map(() => 100), ms: 5 };
    };
    return made;
}

const settle = (turns = 40) =>
    Array.from({ length: turns }).reduce(
        (done) => done.then(() => new Promise((resolve) => setImmediate(resolve))),
        Promise.resolve(),
    );

function control(settings = {}) {
    const seen = { turned: 0, failed: [] };
    const made = new DialControl({
        settings,
        changed: () => {},
        turned: () => {
            seen.turned += 1;
        },
        failed: (error) => seen.failed.push(error.message),
    });
    return Object.assign(made, { seen });
}

test("a look between frames turns the dials to what was found, once", async () => {
    const [dials, running] = [control(), engine()];
    dials.attach(running, [model]);
    assert.equal(dials.camera, "Camera: being measured…");
    dials.afterFrame(1e6);
    dials.afterFrame(1e6); // one is on its way
    await settle();
    assert.deepEqual(running.calls, ["prepare", "look", "read", "read", "read", "read", "turn 0.5,0.8,0.15,0.25"]);
    assert.equal(
        dials.camera,
        "Camera: blurred, very noisy, a little sharpened, a little compressed (blur 0.50, noise 0.80, sharpening 0.15, compression 0.25)",
    );
    dials.afterFrame(performance.now());
    assert.equal(running.calls.length, 7, "it is not time for another one");
    dials.afterFrame(performance.now() + 501);
    await settle();
    assert.equal(running.calls.filter((call) => call.startsWith("turn")).length, 1);
    assert.equal(running.calls.filter((call) => call === "prepare").length, 1);
    assert.equal(dials.seen.turned, 1);
});

test("the viewer takes a dial over and gives it back", async () => {
    const settings = { denoise: 0.1 };
    const [dials, running] = [control(settings), engine()];
    dials.attach(running, [model]);
    await settle();
    assert.deepEqual(running.calls, ["turn 0.25,0.1,0.15,0.25"]);
    dials.afterFrame(1e6);
    await settle();
    assert.equal(running.calls.at(-1), "turn 0.5,0.1,0.15,0.25");
    settings.denoise = "auto";
    dials.apply();
    await settle();
    assert.equal(running.calls.at(-1), "turn 0.5,0.8,0.15,0.25");
});

test("a slider that is dragged gives its newest value, and none between", async () => {
    const settings = { sharpen: 0 };
    const [dials, running] = [control(settings), engine()];
    dials.attach(running, [model]);
    for (let step = 1; step <= 10; step += 1) {
        settings.sharpen = step / 10;
        dials.apply();
    }
    await settle();
    assert.deepEqual(running.calls, ["turn 0,0.25,0.15,0.25", "turn 1,0.25,0.15,0.25"]);
});

test("another source begins at neutral, and what was read of the last one is not its own", async () => {
    const [dials, running] = [control(), engine()];
    dials.attach(running, [model]);
    dials.afterFrame(1e6);
    dials.newSource(); // while it looks
    await settle();
    assert.deepEqual(dials.wanted, neutral);
    dials.afterFrame(1e6);
    await settle();
    assert.deepEqual(dials.wanted, camera);
    dials.newSource();
    await settle();
    assert.equal(running.calls.at(-1), `turn ${neutral}`);
});

test("another engine takes over what was found", async () => {
    const [dials, first, second] = [control(), engine(), engine()];
    dials.attach(first, [model]);
    dials.afterFrame(1e6);
    await settle();
    dials.detach();
    assert.equal(dials.adjustable, false);
    dials.attach(second, [old, model]);
    await settle();
    assert.deepEqual(second.calls, ["turn 0.5,0.8,0.15,0.25"]);
});

test("a student without dials is left alone, and one without an estimator until it is set by hand", async () => {
    const settings = {};
    const [dials, running] = [control(settings), engine({ measures: false })];
    dials.attach(running, [old]);
    dials.afterFrame(1e6);
    assert.equal(dials.camera, "");
    dials.attach(running, [{ contract: { dials: { neutral }, estimator: null } }]);
    dials.afterFrame(1e6);
    await settle();
    assert.deepEqual(running.calls, []);
    assert.match(dials.camera, /does not measure/);
    settings.denoise = 5; // by an address or an older page
    dials.apply();
    await settle();
    assert.deepEqual(running.calls, ["turn 0.25,1,0.15,0.25"]);
});

test("at strength 0 nothing is looked at", () => {
    const [dials, running] = [control({ strength: 0 }), engine()];
    dials.attach(running, [model]);
    dials.afterFrame(1e6);
    assert.deepEqual(running.calls, []);
    assert.match(dials.camera, /not measured while the strength is 0/);
});

test("an estimator that fails is said and looks no more; a student that cannot be turned is told", async () => {
    const [dials, running] = [control(), engine({ fails: { read: "it is broken" } })];
    dials.attach(running, [model]);
    dials.afterFrame(1e6);
    await settle();
    assert.match(dials.camera, /cannot be measured here \(it is broken\)/);
    dials.afterFrame(1e9);
    assert.deepEqual(running.calls, ["prepare", "look", "read"]);
    dials.attach(engine({ fails: { turn: "it cannot be turned" } }), [model]);
    dials.afterFrame(1e6);
    await settle();
    assert.deepEqual(dials.seen.failed, ["it cannot be turned"]);
});

test("what an engine says that was left is no news", async () => {
    const dials = control();
    dials.attach(engine({ fails: { turn: "The engine was closed.", look: "The engine was closed." } }), [model]);
    dials.afterFrame(1e6);
    dials.detach();
    await settle();
    assert.deepEqual(dials.seen, { turned: 0, failed: [] });
});
