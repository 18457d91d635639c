import assert from "node:assert/strict";
import { test } from "node:test";

import { candidates, choose } from "../../../app/live/web/engine.mjs";
import { FrameLoop } from "../../../app/live/web/frame_loop.mjs";
import { UserError } from "../../../app/live/web/messages.mjs";
import { Pace, stepsOf } from "../../../app/live/web/pace.mjs";
import { Window, quantile } from "../../../app/live/web/timing.mjs";

const parts = { capture: 1, before: 2, run: 30, after: 4, draw: 1 };

test("a window forgets what is older than it", () => {
    const window = new Window(1000);
    for (let now = 0; now <= 5000; now += 100) window.add({ now, total: now < 4500 ? 500 : 40, parts });
    const { fps, p50_ms, p95_ms } = window.summary(5000);
    assert.equal(Math.round(fps), 10);
    assert.deepEqual([p50_ms, p95_ms], [40, 500]);
    assert.equal(window.summary(5000).parts.run, 30);
    assert.equal(window.summary(99_000).fps, null);
});

test("quantiles of few", () => {
    assert.deepEqual([quantile([], 0.5), quantile([3], 0.95), quantile([1, 2, 3, 4], 0.5)], [null, 3, 2]);
});

const LADDER = [
    { name: "m", weight: 300 },
    { name: "s", weight: 100 },
];

function paceOf({ targetFps = 15, ladder = LADDER } = {}) {
    return new Pace({ steps: stepsOf(ladder), targetFps });
}

/** Frames for `spanMs`, of which one of m takes `fullMs` at full input: the steps that were taken, as "student share". */
function run(pace, fullMs, spanMs, start = 0) {
    const steps = [];
    let now = start;
    while (now < start + spanMs) {
        const ms = (fullMs(now) * pace.step.cost) / pace.steps[0].cost;
        now += ms;
        const { student, share } = pace.add(ms, now);
        steps.push(`${student} ${share}`);
    }
    return steps;
}

test("what is too slow gets a lighter student first, at full size", () => {
    const steps = run(paceOf(), () => 150, 60_000);
    assert.deepEqual([...new Set(steps)], ["0 1", "1 1"]);
    assert.ok(steps.indexOf("1 1") < 20);
});

test("then frames may be fewer, and only then the input is made smaller", () => {
    assert.equal(run(paceOf(), () => 450, 60_000).at(-1), "1 1", "6.7 frames a second of the full picture");
    assert.equal(run(paceOf(), () => 600, 60_000).at(-1), "1 0.75");
    assert.equal(run(paceOf(), () => 1200, 60_000).at(-1), "1 0.5", "what is too slow for every size");
    assert.equal(run(paceOf({ targetFps: 30, ladder: [{}] }), () => 140, 60_000).at(-1), "0 1", "one student alone");
    assert.equal(run(paceOf({ ladder: [{}] }), () => 200, 60_000).at(-1), "0 0.75");
});

test("what was left for its time comes back when there is room for it", () => {
    const pace = paceOf();
    run(pace, () => 1200, 60_000);
    assert.equal(pace.step.share, 1 / 2);
    run(pace, () => 20, 60_000, 60_000);
    assert.deepEqual([pace.step.student, pace.step.share], [0, 1]);
});

test("on the edge it does not swing to and fro", () => {
    for (const fullMs of [60, 66, 70, 74, 80, 160, 200, 240, 450, 520, 600, 900]) {
        const steps = run(paceOf(), (now) => fullMs * (1 + 0.1 * Math.sin(now / 700)), 120_000);
        const changes = steps.filter((step, index) => index > 0 && step !== steps[index - 1]).length;
        assert.ok(changes <= 4, `${changes} changes in two minutes at ${fullMs} ms`);
    }
});

test("it begins with the first step that is fast enough, by what the student that is open takes", () => {
    const begun = (student, fullMs) => {
        const pace = paceOf();
        pace.begin({ student, fullMs }, 0);
        return `${pace.step.student} ${pace.step.share}`;
    };
    assert.deepEqual(
        [20, 100, 450, 600, 9000].map((ms) => begun(0, ms)),
        ["0 1", "1 1", "1 1", "1 1", "1 0.5"],
    );
    assert.deepEqual([begun(1, 20), begun(1, 30)], ["0 1", "1 1"]);
});

function source() {
    const made = { onframe: () => {}, taken: 0, newest: 0 };
    made.grab = async () => {
        made.taken += 1;
        return made.newest;
    };
    made.show = (count = 1) => {
        made.newest += count;
        made.onframe(count);
    };
    return made;
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("one frame is in flight, and the newest wins", async () => {
    const camera = source();
    const seen = [];
    let finish;
    const work = (frame) =>
        new Promise((resolve) => {
            seen.push(frame);
            finish = resolve;
        });
    const loop = new FrameLoop({ source: camera, work, failed: assert.fail });
    loop.start();
    for (let i = 0; i < 5; i += 1) camera.show();
    await settle();
    assert.deepEqual(seen, [1]);
    finish();
    await settle();
    assert.deepEqual(seen, [1, 5]);
    finish();
    await settle();
    assert.deepEqual(seen, [1, 5], "without a new frame there is nothing to do");
    assert.equal(loop.dropped, 3);
});

test("a failure is told once and lets go", async () => {
    const camera = source();
    const failures = [];
    const loop = new FrameLoop({
        source: camera,
        work: async () => {
            throw new Error("no");
        },
        failed: (error) => failures.push(error),
    });
    loop.start();
    camera.show();
    await settle();
    camera.show();
    await settle();
    assert.equal(failures.length, 1);
    assert.equal(loop.busy, false);
});

test("a stopped loop takes nothing", async () => {
    const camera = source();
    const loop = new FrameLoop({ source: camera, work: assert.fail, failed: assert.fail });
    loop.start();
    loop.stop();
    camera.show();
    await settle();
    assert.equal(camera.taken, 0);
});

const engines =
    (times, closed = []) =>
    async (name) => {
        if (typeof times[name] === "string") throw new UserError(times[name]);
        return { name, call: async () => times[name], close: () => closed.push(name) };
    };

test("the first engine that is fast enough is taken, and the second never opened", async () => {
    const { engine } = await choose({ names: ["webgpu", "wasm"], open: engines({ webgpu: 20, wasm: "never" }), enoughMs: 66 });
    assert.equal(engine.name, "webgpu");
    assert.equal(engine.fullMs, 20);
});

test("of two slow engines the faster is taken and the other closed", async () => {
    const closed = [];
    const { engine } = await choose({
        names: ["webgpu", "wasm"],
        open: engines({ webgpu: 300, wasm: 100 }, closed),
        enoughMs: 66,
    });
    assert.equal(engine.name, "wasm");
    assert.deepEqual(closed, ["webgpu"]);
});

test("students in their web form go to our own engine, and ONNX Runtime is what is left where that fails", async () => {
    const [one, other] = [{ contract: { web: {} } }, { contract: { web: null } }];
    assert.deepEqual(candidates("auto", [one, one]), ["webgpu", "integers", "wasm"]);
    assert.deepEqual(candidates("wasm", [one]), ["integers", "wasm", "webgpu"]);
    assert.deepEqual(candidates("wasm", [one, other]), ["wasm", "webgpu"]);
    const asked = [];
    const opening = (times) => (name) => asked.push(name) && engines(times)(name);
    const names = candidates("auto", [one]);
    const slow = { webgpu: "none here", integers: 300, wasm: 500 };
    assert.equal((await choose({ names, open: opening(slow), enoughMs: 66 })).engine.name, "integers");
    assert.deepEqual(asked, ["webgpu", "integers"], "its megabytes are not even fetched");
    const failing = { webgpu: "none here", integers: "no SIMD", wasm: 500 };
    const { engine, refused } = await choose({ names, open: opening(failing), enoughMs: 66 });
    assert.deepEqual([engine.name, refused], ["wasm", ["none here", "no SIMD"]]);
});

test("an engine that fails its known answer is left, in words", async () => {
    const open = engines({ webgpu: "s fails its known-answer test on WebGPU.", wasm: 100 });
    const { engine, refused } = await choose({
        names: candidates("webgpu", [{ contract: { web: null } }]),
        open,
        enoughMs: Infinity,
    });
    assert.equal(engine.name, "wasm");
    assert.deepEqual(refused, ["s fails its known-answer test on WebGPU."]);
    await assert.rejects(choose({ names: ["webgpu"], open, enoughMs: 1 }), /known-answer/);
});
