import assert from "node:assert/strict";
import { test } from "node:test";

import { blendBatch, fault, fromBatch, largestDifference, picture, sampleOf } from "../../../app/live/web/pixels.mjs";

test("an answer is clamped and rounded", () => {
    const into = picture(2, 1);
    fromBatch(Float32Array.of(-0.5, 2, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, 1, 100.4 / 255), 2, into, { from: 0, to: 2, at: 0 });
    assert.deepEqual([...into.data], [0, 0, 255, 255, 255, 1, 100, 255]);
});

test("an answer is laid over what is there, as strong as it is told, and never beyond white and black", () => {
    const into = picture(3, 1);
    into.data.set([100, 100, 100, 255, 200, 200, 200, 255, 50, 50, 50, 255]);
    const answer = Float32Array.of(1, 0, 200 / 255, 9, 0, 200 / 255, -9, 0, 200 / 255); // red, green, blue of three pixels
    blendBatch(answer, 3, into, { from: 0, to: 2, at: 1 }, 0.25);
    assert.deepEqual([...into.data], [100, 100, 100, 255, 214, 214, 150, 255, 38, 38, 38, 255]);
});

test("columns go where they are told", () => {
    const into = picture(4, 1);
    fromBatch(Float32Array.of(0.2, 0.4, 0.2, 0.4, 0.2, 0.4), 2, into, { from: 1, to: 2, at: 3 });
    assert.deepEqual([...into.data.slice(8)], [0, 0, 0, 0, 102, 102, 102, 255]);
});

test("pictures of different sizes are not alike", () => {
    assert.equal(largestDifference(picture(2, 3), picture(3, 2)), Infinity);
});

test("no numbers, and plain pictures of frames with content, are faults", () => {
    const frame = sampleOf(Float32Array.from({ length: 1000 }, (_, i) => i / 1000));
    const grey = sampleOf(new Float32Array(100).fill(0.5));
    assert.equal(fault(frame, frame), null);
    assert.equal(fault(frame, sampleOf(new Float32Array(100).fill(NaN))), "numbers");
    assert.equal(fault(frame, sampleOf(new Float32Array(100))), "plain");
    assert.equal(fault(frame, grey), "plain");
    assert.equal(fault(frame, sampleOf(new Float32Array(300).map((_, i) => -i))), "plain"); // all of it is black
    assert.equal(fault(grey, grey), null); // a covered camera
});

test("a sample wanders over all columns", () => {
    const values = new Float32Array(640 * 480).fill(0.5);
    for (let row = 0; row < 480; row += 1) values[row * 640 + 101] = NaN;
    assert.equal(sampleOf(values).finite, false);
});
