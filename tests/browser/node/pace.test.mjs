import assert from "node:assert/strict";
import { test } from "node:test";

import { AdaptiveSize, firstShare } from "../../../app/live/web/adaptive_size.mjs";
import { candidates, choose } from "../../../app/live/web/engine.mjs";
import { FrameLoop } from "../../../app/live/web/frame_loop.mjs";
import { UserError } from "../../../app/live/web/messages.mjs";
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

/** Frames of `fullMs` at full input, for `spanMs`: the shares that were used. */
function run(size, fullMs, spanMs, start = 0) {
    const shares = [];
    let now = start;
    while (now < start + spanMs) {
        const ms = fullMs(now) * size.share ** 2;
        now += ms;
        shares.push(size.add(ms, now));
    }
    return shares;
}

test("too slow a network gets a smaller input, and no smaller than needed", () => {
    const shares = run(new AdaptiveSize({ targetFps: 15 }), () => 100, 60_000);
    assert.equal(shares.at(-1), 3 / 4);
    assert.ok(shares.indexOf(3 / 4) < 20);
});

test("what is too slow for every size stays at the smallest", () => {
    assert.equal(run(new AdaptiveSize({ targetFps: 30 }), () => 400, 60_000).at(-1), 1 / 2);
});

test("a larger input comes back when there is room for it", () => {
    const size = new AdaptiveSize({ targetFps: 15 });
    run(size, () => 200, 10_000);
    assert.equal(size.share, 1 / 2);
    run(size, () => 20, 60_000, 10_000);
    assert.equal(size.share, 1);
});

test("on the edge it does not swing to and fro", () => {
    for (const fullMs of [60, 66, 70, 74, 80, 100, 118, 130]) {
        const shares = run(new AdaptiveSize({ targetFps: 15 }), (now) => fullMs * (1 + 0.1 * Math.sin(now / 700)), 120_000);
        const changes = shares.filter((share, index) => index > 0 && share !== shares[index - 1]).length;
        assert.ok(changes <= 4, `${changes} changes in two minutes at ${fullMs} ms`);
    }
});

test("the first share is the largest that keeps the rate", () => {
    assert.deepEqual(
        [20, 100, 200, 2000].map((ms) => firstShare(ms, 15)),
        [1, 3 / 4, 1 / 2, 1 / 2],
    );
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
