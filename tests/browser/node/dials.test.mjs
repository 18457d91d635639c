import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { pooled } from "../../../app/live/web/camera_reading.mjs";
import { amounts, describe, fitsFile, fold, readDials } from "../../../app/live/web/dials.mjs";
import { UserError } from "../../../app/live/web/messages.mjs";
import { unpackPicture } from "../../../app/live/web/pixels.mjs";
import { detailedWindows } from "../../../app/live/web/windows.mjs";

const pythons = JSON.parse(readFileSync(process.env.PYTHONS_DIALS, "utf8"));
const bytes = Uint8Array.from(Buffer.from(pythons.bytes, "base64"));
const dials = readDials({ dials: pythons.section }, "s");

/** The folded numbers, and the bytes of a file around them. */
function taken(file) {
    const [rest, view] = [file.slice(), new DataView(file.buffer)];
    const numbers = [];
    for (const { channels, fanIn, weight, bias } of dials.layers) {
        for (const [start, count] of [
            [weight, channels * fanIn],
            [bias, channels],
        ]) {
            for (let at = start; at < start + 4 * count; at += 4) numbers.push(view.getFloat32(at, true));
            rest.fill(0, start, start + 4 * count);
        }
    }
    return { numbers, rest };
}

test("a folded file is Python's, number by number", () => {
    for (const { setting, bytes: packed } of pythons.folds) {
        const [ours, theirs] = [fold(bytes, dials, setting), Uint8Array.from(Buffer.from(packed, "base64"))].map(taken);
        assert.deepEqual(ours.rest, theirs.rest);
        assert.equal(ours.numbers.length, theirs.numbers.length);
        const far = ours.numbers.filter(
            (value, i) => Math.abs(value - theirs.numbers[i]) > 2 ** -22 * Math.abs(theirs.numbers[i]),
        );
        assert.deepEqual(far, [], "more than the last bit of a float differs");
        const odd = ours.numbers.filter((value, i) => value !== theirs.numbers[i]).length;
        assert.ok(odd <= ours.numbers.length / 1000, `${odd} numbers differ in their last bit`); // sums in another order
    }
});

test("neutral dials leave a file as it is, and folding leaves its own bytes alone", () => {
    const before = bytes.slice();
    assert.deepEqual(fold(bytes, dials, dials.neutral), bytes);
    assert.notDeepEqual(fold(bytes.buffer, dials, [1, 1, 1, 1]), bytes);
    assert.deepEqual(bytes, before);
});

test("the words for a camera are Python's", () => {
    for (const { setting, words } of pythons.words) assert.equal(describe(setting), words, String(setting));
    assert.equal(amounts([0.31, 0.62, 0.05, 0.444]), "blur 0.31, noise 0.62, sharpening 0.05, compression 0.44");
});

test("readings are pooled as Python pools them", () => {
    const { readings, neutral, prior, dials: expected } = pythons.pooled;
    pooled(readings, { rest: neutral, prior }).forEach((dial, i) => assert.ok(Math.abs(dial - expected[i]) <= 0.005 + 1e-9));
    assert.deepEqual(pooled([], { rest: neutral, prior }), neutral);
    assert.deepEqual(pooled([], { rest: neutral, prior: [0, 0, 0, 0] }), neutral);
});

test("the windows are those that Python looks at", () => {
    for (const { frame, places } of pythons.windows) {
        const found = detailedWindows(unpackPicture(frame)).map(({ x, y, width, height }) => [x, y, width, height]);
        assert.deepEqual(found.map(String).sort(), places.map(String).sort());
    }
});

test("dials that are not valid are one sentence that says what is wrong", () => {
    const { section } = pythons;
    const perceptron = (changes) => ({ perceptron: { ...section.perceptron, ...changes } });
    const nan = Buffer.from(new Float32Array(section.perceptron.hidden_bias.shape[0]).fill(NaN).buffer).toString("base64");
    const wrong = {
        names: { names: ["noise", "blur", "sharpening", "compression"] },
        range: { range: [0, 2] },
        neutral: { neutral: [0.5, 0.5, 0.5] },
        "perceptron.out_weight": { layers: section.layers.slice(1) },
        "perceptron.hidden_weight": perceptron({ hidden_weight: section.perceptron.hidden_bias }),
        "perceptron.hidden_bias": perceptron({ hidden_bias: { shape: section.perceptron.hidden_bias.shape, base64: nan } }),
        layers: { layers: [] },
        "layers: head": { layers: [{ ...section.layers[0], float: { weight: -1 } }] },
    };
    for (const [what, changes] of Object.entries(wrong)) {
        const says = (error) => error instanceof UserError && error.message.includes(`Student S are not valid (${what}`);
        assert.throws(() => readDials({ dials: { ...section, ...changes } }, "Student S"), says, what);
    }
    for (const dials of [null, undefined, 1, "dials", { ...section, layers: [null] }, { ...section, perceptron: null }]) {
        assert.throws(() => readDials({ dials }, "s"), UserError);
    }
});

test("places beyond the end of the file are known", () => {
    assert.equal(fitsFile(dials, bytes.length), true);
    assert.equal(fitsFile(dials, 1000), false);
});
