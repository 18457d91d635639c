import assert from "node:assert/strict";
import { test } from "node:test";

import { UserError } from "../../../app/live/web/messages.mjs";
import { fileName } from "../../../app/live/web/recorder.mjs";
import { CameraGone, Inbox, dueMs, record, refusal } from "../../../app/live/web/training.mjs";

const limits = { frames: 500, bytes: 1e9, per_second: 10, name: "(?!demo-)[A-Za-z0-9][A-Za-z0-9._-]{0,63}" };
const wish = { name: "desk-1", frames: 5, perSecond: 2 };

/** A server that keeps what it is sent and fails when it is told to; a clock that only moves by waiting. */
function world({ cutAt = Infinity, shotMs = 0 } = {}) {
    const log = [];
    const clock = { now: 0 };
    const inbox = {
        begin: async (about) => {
            log.push(["begin", about.frames]);
            return { id: "7" };
        },
        put: async (id, index) => {
            if (index >= cutAt) throw new UserError("cut");
            log.push(["put", index, clock.now]);
        },
        end: async (id, frames) => {
            log.push(["end", frames]);
            return { clip: "desk-1" };
        },
        abort: async (id) => {
            log.push(["abort", id]);
        },
    };
    const camera = {
        shoot: async () => {
            clock.now += shotMs;
            return { blob: "png", width: 640, height: 480 };
        },
        rests: () => false,
    };
    const abort = new AbortController();
    const seen = [];
    const hooks = {
        progress: (step) => seen.push(step),
        wait: async (ms) => {
            clock.now += ms;
        },
        now: () => clock.now,
        signal: abort.signal,
    };
    return { log, inbox, camera, hooks, abort, seen };
}

test("frames are taken at an even pace after a countdown", async () => {
    const { log, inbox, camera, hooks, seen } = world();
    assert.deepEqual(await record(camera, wish, inbox, hooks), { clip: "desk-1", frames: 5 });
    assert.deepEqual(
        seen.slice(0, 3).map(({ countdown }) => countdown),
        [3, 2, 1],
    );
    const times = log.filter(([what]) => what === "put").map(([, , at]) => at);
    assert.deepEqual(
        times.map((at) => at - times[0]),
        [0, 500, 1000, 1500, 2000],
    );
    assert.deepEqual(seen.at(-1), { done: 5, frames: 5 });
});

test("what an unplugged camera gave is kept, and of a camera that gave nothing no clip is begun", async () => {
    for (const gives of [3, 0]) {
        const { log, inbox, camera, hooks } = world();
        const { shoot } = camera;
        let left = gives;
        camera.shoot = async () => {
            if (left === 0) throw new CameraGone("The camera went away.");
            left -= 1;
            return shoot();
        };
        const recorded = record(camera, wish, inbox, hooks);
        if (gives) {
            assert.deepEqual(await recorded, { clip: "desk-1", frames: 3, why: "The camera went away." });
            assert.deepEqual(log.at(-1), ["end", 3]);
        } else {
            await assert.rejects(recorded, { message: "The camera went away." });
            assert.deepEqual(log, []);
        }
    }
});

test("a slow line makes the pace slower, never a queue", async () => {
    const { log, inbox, camera, hooks } = world({ shotMs: 800 });
    await record(camera, wish, inbox, hooks);
    const times = log.filter(([what]) => what === "put").map(([, , at]) => at);
    assert.deepEqual(
        times.slice(1).map((at, index) => at >= times[index] + 800),
        [true, true, true, true],
    );
});

test("while the picture rests so does the recording, and nothing is caught up with", async () => {
    const { log, inbox, camera, hooks, seen } = world();
    camera.rests = () => hooks.now() > 3400 && hooks.now() < 9000;
    await record(camera, wish, inbox, hooks);
    const times = log.filter(([what]) => what === "put").map(([, , at]) => at);
    assert.deepEqual(
        times.slice(1).map((at, index) => at - times[index] >= 500),
        [true, true, true, true],
    );
    assert.ok(times[1] >= 9000);
    assert.ok(seen.some(({ rests }) => rests));

    const left = world();
    left.camera.rests = () => true;
    left.hooks.progress = ({ rests }) => rests && left.abort.abort();
    await assert.rejects(record(left.camera, wish, left.inbox, left.hooks), /cancelled/);
});

test("what is cut off or cancelled is taken back on the server", async () => {
    const cut = world({ cutAt: 2 });
    await assert.rejects(record(cut.camera, wish, cut.inbox, cut.hooks), /cut/);
    assert.deepEqual(cut.log.at(-1), ["abort", "7"]);

    const cancelled = world();
    cancelled.hooks.progress = ({ done }) => done === 3 && cancelled.abort.abort();
    await assert.rejects(record(cancelled.camera, wish, cancelled.inbox, cancelled.hooks), /cancelled/);
    assert.deepEqual(cancelled.log.at(-1), ["abort", "7"]);
});

test("a recording cancelled in the countdown never begins", async () => {
    const { log, inbox, camera, hooks, abort } = world();
    abort.abort();
    await assert.rejects(record(camera, wish, inbox, hooks), /cancelled/);
    assert.deepEqual(log, []);
});

test("wishes beyond the limits are refused in words", () => {
    assert.equal(refusal(wish, limits), null);
    assert.match(refusal({ ...wish, frames: 10_000 }, limits), /500/);
    assert.match(refusal({ ...wish, frames: 0 }, limits), /500/);
    assert.match(refusal({ ...wish, frames: 1.5 }, limits), /500/);
    assert.match(refusal({ ...wish, perSecond: 11 }, limits), /10/);
    for (const name of ["", "../up", "a b", "-x", ".hidden", "_x", "__", "demo-77", "x".repeat(65)])
        assert.match(refusal({ ...wish, name }, limits), /name/);
});

test("frames are due one interval apart", () =>
    assert.deepEqual(
        [0, 1, 4].map((index) => dueMs(index, 4)),
        [0, 250, 1000],
    ));

test("the server's own sentence is passed on, and a cut line has one", async () => {
    const answer = (ok, body) =>
        new Inbox({ url: "/capture", token: "t" }, async () => ({ ok, status: 403, json: async () => body }));
    await assert.rejects(
        answer(false, { error: "No." }).begin(wish),
        (error) => error instanceof UserError && error.message === "No.",
    );
    await assert.rejects(answer(false, {}).begin(wish), /403/);
    assert.deepEqual(await answer(true, { id: "7" }).begin(wish), { id: "7" });
    const cut = new Inbox({ url: "/capture", token: "t" }, async () => {
        throw new TypeError("network");
    });
    await assert.rejects(cut.put("7", 0, "png"), /cut/);
});

test("every request carries the token and goes where it belongs", async () => {
    const requests = [];
    const inbox = new Inbox({ url: "/capture", token: "t" }, async (url, request) => {
        requests.push([request.method, url, request.headers["X-Sharpcam-Token"]]);
        return { ok: true, json: async () => ({}) };
    });
    await inbox.begin(wish);
    await inbox.put("7", 3, "png");
    await inbox.end("7");
    await inbox.abort("7");
    assert.deepEqual(requests, [
        ["POST", "/capture/begin", "t"],
        ["PUT", "/capture/7/3", "t"],
        ["POST", "/capture/7/end", "t"],
        ["DELETE", "/capture/7", "t"],
    ]);
});

test("files are named by time and content", () => {
    assert.equal(fileName("raw", "png", new Date("2026-01-31T12:59:59Z")), "sharpcam-2026-01-31-12-59-59-raw.png");
});
