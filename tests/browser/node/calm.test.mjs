// Held to Python's answers, which the test that runs these writes to $PYTHONS_CALM.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Calm } from "../../../app/live/web/calm.mjs";
import { largestDifference, picture, unpackPicture } from "../../../app/live/web/pixels.mjs";

const module = new WebAssembly.Module(readFileSync(new URL("../../../app/static/engine/calm.wasm", import.meta.url)));
const streams = JSON.parse(readFileSync(process.env.PYTHONS_CALM, "utf8"));

/** The hash of a picture's levels without its alpha. */
function hashed({ data }) {
    const levels = data.filter((_, index) => index % 4 !== 3);
    return createHash("sha256").update(levels).digest("hex");
}

for (const { name, noise, steps } of streams) {
    test(`the bytes are Python's: ${name}`, () => {
        const calm = new Calm(module, noise);
        const odd = steps.filter(({ frame, strength, fused }) => hashed(calm.fuse(unpackPicture(frame), strength)) !== fused);
        assert.equal(odd.length, 0, `first at frame ${steps.indexOf(odd[0])} of ${steps.length}`);
    });
}

/** A frame of noise. */
function noise(width, height, seed) {
    const made = picture(width, height);
    let state = 1 + 77_777_777 * seed;
    for (let i = 0; i < made.data.length; i += 1) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        made.data[i] = i % 4 === 3 ? 255 : 100 + (state >>> 27);
    }
    return made;
}

test("frames and their alpha stay as they are, and so does what is shown", () => {
    const calm = new Calm(module);
    const frames = Array.from({ length: 4 }, (_, seed) => noise(160, 120, seed));
    frames[3].data[3] = 7;
    const before = frames.map(({ data }) => data.slice());
    const shown = frames.map((frame) => calm.fuse(frame, 1));
    assert.deepEqual(
        frames.map(({ data }) => data),
        before,
    );
    assert.ok(shown.every((one) => one === shown[0] && !frames.includes(one)));
    assert.equal(shown[0].data[3], 7);
    assert.ok(largestDifference(shown[0], frames[3]) > 5); // it is fused
});

test("at strength 0 the frames themselves pass, and what was known is forgotten", () => {
    const [calm, other] = [new Calm(module), new Calm(module)];
    const frames = Array.from({ length: 6 }, (_, seed) => noise(160, 120, seed));
    calm.fuse(frames[0], 1);
    assert.equal(calm.fuse(frames[1], 0), frames[1]);
    for (const frame of frames.slice(2)) assert.equal(largestDifference(calm.fuse(frame, 1), other.fuse(frame, 1)), 0);
});

test("another stream of the same size begins again", () => {
    const [calm, other] = [new Calm(module), new Calm(module)];
    calm.fuse(noise(160, 120, 1), 1);
    calm.fuse(noise(160, 120, 2), 1);
    calm.reset();
    for (const seed of [3, 4, 5]) {
        const frame = noise(160, 120, seed);
        assert.equal(largestDifference(calm.fuse(frame, 1), other.fuse(frame, 1)), 0);
    }
});

test("two hundred frames make nothing grow", () => {
    const calm = new Calm(module);
    const frames = Array.from({ length: 8 }, (_, seed) => noise(160, 120, seed));
    calm.fuse(frames[0], 1);
    const { memory } = calm;
    const buffers = () => [memory, memory.motion, memory.motion.noise].flatMap(Object.values).filter(ArrayBuffer.isView);
    const [kept, bytes] = [buffers(), process.memoryUsage().arrayBuffers];
    for (let t = 1; t <= 200; t += 1) calm.fuse(frames[t % 8], 1);
    assert.equal(calm.memory, memory);
    assert.ok(buffers().every((buffer, index) => buffer === kept[index]));
    assert.ok(process.memoryUsage().arrayBuffers < bytes + 1e6, "no buffers in passing either");
});
