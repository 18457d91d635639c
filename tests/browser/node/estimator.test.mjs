// The estimator on our own kernels, held to Python's answers, which the test that runs these writes to $PYTHONS_ESTIMATOR.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { UserError } from "../../../app/live/web/messages.mjs";
import { picture, unpackPicture } from "../../../app/live/web/pixels.mjs";
import { PlainEstimator } from "../../../app/live/web/plain_estimator.mjs";
import { readPlain } from "../../../app/live/web/plain_form.mjs";

const { section, golden: packed, cases } = JSON.parse(readFileSync(process.env.PYTHONS_ESTIMATOR, "utf8"));
const golden = unpackPicture(packed);
const folder = String(new URL("../../../app/static/engine/", import.meta.url));
const file = Uint8Array.from(Buffer.from(section.onnx, "base64")).buffer;
const fetching = async (address) => ({ ok: true, arrayBuffer: async () => readFileSync(new URL(address)) });

const opened = (changes = {}) =>
    PlainEstimator.open({ folder, plain: readPlain(section.plain, "s"), file, golden, fetching, ...changes });

test("it reads of every window what ONNX Runtime reads in Python", async () => {
    const estimator = await opened();
    for (const { frame, values, weights } of [...cases, ...cases]) {
        const said = estimator.read(unpackPicture(frame));
        said.values.forEach((value, dial) => assert.ok(Math.abs(value - values[dial]) < 2e-5, `${value} for ${values[dial]}`));
        said.weights.forEach((weight, dial) => assert.ok(Math.abs(weight / weights[dial] - 1) < 2e-4));
    }
});

test("a window of a larger picture is read as if it were cut out, and memory does not grow", async () => {
    const estimator = await opened();
    const cut = unpackPicture(cases[0].frame);
    const whole = picture(cut.width + 50, cut.height + 20);
    for (let y = 0; y < cut.height; y += 1) {
        const row = cut.data.subarray(4 * y * cut.width, 4 * (y + 1) * cut.width);
        whole.data.set(row, 4 * ((y + 7) * whole.width + 16));
    }
    const { width, height } = cut;
    const expected = estimator.read(cut);
    const bytes = estimator.memory.buffer.byteLength;
    for (const other of [...cases, cases[0]]) estimator.read(unpackPicture(other.frame));
    assert.deepEqual(estimator.read(whole, { x: 16, y: 7, width, height }), expected);
    assert.equal(estimator.memory.buffer.byteLength, bytes, "the first window was the largest");
});

test("what does not answer as the contract says, or ends early, is not used", async () => {
    const plain = readPlain(section.plain, "s");
    const other = { ...plain, known: { ...plain.known, values: plain.known.values.map((value) => value + 0.01) } };
    await assert.rejects(opened({ plain: other }), /known-answer/);
    await assert.rejects(opened({ file: file.slice(0, -4000) }), /ends before its weights/);
    await assert.rejects(opened({ fetching: async () => ({ ok: false }) }), /make setup/);
});

test("a plain form that is not valid is a sentence, and of another definition there is none", () => {
    const { plain } = section;
    assert.equal(readPlain(undefined, "s"), null);
    assert.equal(readPlain({ ...plain, definition: 2 }, "s"), null);
    const layers = (change) => ({ ...plain, layers: plain.layers.map(change) });
    const wrong = [
        { ...plain, layers: plain.layers.slice(1) },
        { ...plain, known: { values: [1] } },
        layers((layer) => ({ ...layer, bias: -1 })),
        layers(() => null),
        layers((layer) => ({ ...layer, weights: { ...layer.weights, type: "int4" } })),
        layers((layer) => ({ ...layer, weights: { ...layer.weights, shape: [24, 24, 3, 3] } })),
    ];
    const isSentence = (error) => error instanceof UserError && /^The estimator in the contract of s is not/.test(error.message);
    for (const each of wrong) assert.throws(() => readPlain(each, "s"), isSentence);
});
