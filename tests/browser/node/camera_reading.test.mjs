import assert from "node:assert/strict";
import { test } from "node:test";

import { CameraReading } from "../../../app/live/web/camera_reading.mjs";

const neutral = [0.25, 0.25, 0.15, 0.25];
const prior = [1, 1, 1, 1];
const reading = (values, weight = 20) => ({ values, weights: values.map(() => weight) });
const camera = [0.6, 0.8, 0.1, 0.4];
const other = [0.1, 0.1, 0.1, 0.9];
const near = (found, expected) => found.every((dial, i) => Math.abs(dial - expected[i]) < 0.06);

function looking(at, { looks = 30, readings = new CameraReading({ neutral, prior }) } = {}) {
    for (let look = 0; look < looks; look += 1) readings.add([reading(at), reading(at)]);
    return readings;
}

test("nothing seen is neutral, and a lone unsure window stays near it", () => {
    const readings = new CameraReading({ neutral, prior });
    assert.deepEqual(readings.held, neutral);
    readings.add([reading([1, 1, 1, 1], 0.02)]);
    assert.deepEqual(readings.held, neutral);
    assert.equal(readings.found, true);
});

test("many looks find the camera", () => {
    assert.ok(near(looking(camera).held, camera));
});

test("what moves by no more than 0.05 is held", () => {
    const readings = looking(camera);
    const { held } = readings;
    looking(
        camera.map((dial) => dial + 0.03),
        { readings, looks: 100 },
    );
    assert.equal(readings.held, held);
    looking(
        camera.map((dial) => dial + 0.1),
        { readings, looks: 100 },
    );
    assert.notEqual(readings.held, held);
});

test("it looks often until it knows the camera, then seldom", () => {
    const readings = new CameraReading({ neutral, prior });
    assert.equal(readings.pauseAfter(20), 500);
    assert.equal(looking(camera, { readings }).pauseAfter(20), 4000);
    readings.reset();
    assert.equal(readings.pauseAfter(20), 500);
    for (let look = 0; look < 30; look += 1) readings.add([]); // a covered camera
    assert.equal(readings.pauseAfter(20), 4000);
    assert.equal(readings.found, false);
    assert.deepEqual(readings.held, neutral);
});

test("a slow estimator looks less often: it takes two hundredths of the time at most", () => {
    assert.equal(looking(camera).pauseAfter(500), 25_000);
    assert.equal(new CameraReading({ neutral, prior }).pauseAfter(500), 2500);
});

test("after a cut the camera before it is forgotten; one odd frame is no cut", () => {
    const readings = looking(camera);
    readings.add([reading(other)]);
    assert.equal(readings.pauseAfter(20), 500, "it looks again soon");
    assert.ok(near(readings.held, camera));
    readings.add([reading(camera)]);
    readings.add([reading(other, 20)]);
    assert.ok(near(readings.held, camera));
    readings.add([reading(other, 20)]);
    assert.ok(near(readings.held, other));
});

test("another source begins at neutral", () => {
    const readings = looking(camera);
    readings.reset();
    assert.deepEqual(readings.held, neutral);
    assert.equal(readings.found, false);
});

test("what is not a number weighs nothing", () => {
    const readings = new CameraReading({ neutral, prior });
    readings.add([{ values: [NaN, 0.9, 0.9, 0.9], weights: [5, -1, Infinity, 1000] }]);
    assert.deepEqual(readings.held.slice(0, 3), neutral.slice(0, 3));
    assert.ok(readings.held[3] > 0.85);
    assert.ok(readings.held.every(Number.isFinite));
    const beyond = new CameraReading({ neutral, prior });
    beyond.add([reading([3, -2, 1, 1], 1000)]);
    assert.deepEqual(beyond.held, [1, 0, 1, 1]);
    const nothing = new CameraReading({ neutral, prior });
    nothing.add([{ values: [NaN, NaN, NaN, NaN], weights: [1, 1, 1, 1] }]);
    assert.equal(nothing.found, false);
});

test("a camera whose light changes is followed", () => {
    const readings = looking(camera, { looks: 200 });
    const darker = [0.6, 0.95, 0.1, 0.4];
    looking(darker, { readings, looks: 40 });
    assert.ok(near(readings.held, darker));
});
