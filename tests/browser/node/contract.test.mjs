import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { test } from "node:test";

import { loadModel, readContract, withFiles } from "../../../app/live/web/contract.mjs";
import { INSECURE, UserError, cameraSentence, sentence, sizeSentence } from "../../../app/live/web/messages.mjs";

const bytes = new TextEncoder().encode("a model");
const sha256 = createHash("sha256").update(bytes).digest("hex");
const packed = (height, width) => ({ shape: [height, width, 3], base64: btoa("\x01\x02\x03".repeat(height * width)) });
const contract = {
    format: 1,
    model: "student_s",
    scale: 2,
    multiple_of: 2,
    input: { name: "frame" },
    output: { name: "picture" },
    geometry: { width: 8, height: 8, scale: 2, fit: "crop" },
    files: { "s_int8.onnx": "0", "s.onnx": sha256 },
    golden: { input: packed(2, 4), output: packed(4, 8) },
};
const model = { name: "s", title: "Student S", contract: "s.json", onnx: "s.onnx", sha256 };

const answers =
    (changes = {}) =>
    async (url) => {
        const body = { "s.json": contract, "s.onnx": bytes, ...changes }[url];
        if (body === undefined) return { ok: false, status: 404, json: async () => JSON.parse("Not Found") };
        return { ok: true, json: async () => body, arrayBuffer: async () => body.buffer.slice(0) };
    };

const onnxOf = async (offer, fetching) => (await loadModel(offer, fetching, webcrypto.subtle)).file("onnx");

test("a contract gives the float file's hash and the known answer as pictures", () => {
    const read = readContract(contract, "s");
    assert.equal(read.sha256, sha256);
    assert.deepEqual([read.golden.input.width, read.golden.input.height], [4, 2]);
    assert.deepEqual([...read.golden.output.data.slice(0, 4)], [1, 2, 3, 255]);
});

test("what is no contract is said so", () => {
    for (const wrong of [null, {}, { ...contract, format: 2 }, { ...contract, golden: undefined }]) {
        assert.throws(
            () => readContract(wrong, "Student S"),
            (error) => error instanceof UserError && /Student S/.test(error.message),
        );
    }
    assert.throws(() => readContract({ ...contract, files: { "s_int8.onnx": "0" } }, "s"), UserError);
});

const floats = (...shape) => ({
    shape,
    base64: Buffer.from(new Float32Array(shape.reduce((a, b) => a * b)).buffer).toString("base64"),
});
const dials = {
    names: ["blur", "noise", "sharpening", "compression"],
    range: [0, 1],
    neutral: [0.25, 0.25, 0.15, 0.25],
    perceptron: { hidden_weight: floats(5, 4), hidden_bias: floats(5), out_weight: floats(4, 5) },
    layers: [{ name: "head", channels: 2, fan_in: 1, float: { weight: 0, bias: 3 } }], // the file has seven bytes
};
const strong = { dials: [1, 1, 1, 1], output: packed(4, 8) };
const dialled = { ...contract, format: 2, dials, golden: { ...contract.golden, strong } };

test("formats 1 and 2 are read, with dials and estimator in the second", () => {
    const [first, second] = [contract, dialled].map((json) => readContract(json, "s"));
    assert.deepEqual([first.dials, first.strong, first.estimator], [null, null, null]);
    assert.equal(second.dials.layers[0].name, "head");
    assert.deepEqual([second.strong.setting, second.strong.output.width, second.estimator], [[1, 1, 1, 1], 8, null]);
    const estimator = { onnx: btoa("network"), prior_weights: [1, 0, 2, 3] };
    const { bytes: network, prior, plain } = readContract({ ...dialled, estimator }, "s").estimator;
    assert.deepEqual([Buffer.from(network).toString(), prior, plain], ["network", [1, 0, 2, 3], null]);
});

test("what is wrong with dials is a sentence with the student's name", async () => {
    const wrong = [
        { ...dialled, dials: undefined },
        { ...dialled, golden: contract.golden },
        { ...dialled, golden: { ...contract.golden, strong: { ...strong, dials: [1, 1, 2, 1] } } },
        { ...dialled, estimator: { onnx: "AAAA", prior_weights: [1, 1] } },
        { ...dialled, estimator: { onnx: "ä", prior_weights: [1, 1, 1, 1] } },
        { ...dialled, estimator: { prior_weights: [1, 1, 1, 1] } },
    ];
    for (const json of wrong) {
        const says = (error) =>
            error instanceof UserError && /^The dials in the contract of Student S are not valid \(/.test(error.message);
        assert.throws(() => readContract(json, "Student S"), says, JSON.stringify(json));
    }
    await assert.rejects(onnxOf(model, answers({ "s.json": dialled })), /beyond the end of the float file/);
});

test("a model is taken with its hash, and no other", async () => {
    assert.equal((await loadModel(model, answers(), webcrypto.subtle)).checked, true);
    assert.deepEqual(new Uint8Array(await onnxOf(model, answers())), bytes);
    const changed = new TextEncoder().encode("another");
    await assert.rejects(onnxOf(model, answers({ "s.onnx": changed })), /hash differs/);
    await assert.rejects(onnxOf({ ...model, sha256: "0" }, answers()), /hash differs/);
    await assert.rejects(onnxOf(model, answers({ "s.onnx": undefined })), /404/);
});

test("of a student the file that an engine runs is fetched, once; after a failure again", async () => {
    const [asked, files] = [[], { "s.onnx": undefined }];
    const fetching = (url) => asked.push(url) && answers(files)(url);
    const loaded = await loadModel(model, fetching, webcrypto.subtle);
    assert.deepEqual(asked, ["s.json"]);
    await assert.rejects(withFiles([loaded], "wasm"), /404/);
    delete files["s.onnx"];
    const [first] = await withFiles([loaded], "wasm");
    assert.deepEqual(Object.keys(first), ["title", "contract", "bytes"]);
    assert.equal((await withFiles([loaded], "webgpu"))[0].bytes, first.bytes);
    assert.deepEqual(asked, ["s.json", "s.onnx", "s.onnx"]);
});

test("why the server has no such model is said in its own words", async () => {
    const refusing = async () => ({ ok: false, status: 502, json: async () => ({ error: "Version 3 holds no student." }) });
    const isItsOwn = (error) => error instanceof UserError && error.message === "Version 3 holds no student.";
    await assert.rejects(loadModel(model, refusing, webcrypto.subtle), isItsOwn);
});

test("where the browser computes no hashes it is known that none was checked", async () => {
    assert.equal((await loadModel(model, answers(), null)).checked, false);
});

test("each failure of a camera has its words", () => {
    const names = ["NotFoundError", "NotAllowedError", "NotReadableError", "OverconstrainedError"];
    const sentences = names.map((name) => cameraSentence({ name, message: "x" }));
    assert.equal(new Set(sentences).size, names.length);
    assert.match(cameraSentence({ name: "Odd", message: "what\nis this" }), /what\)/);
    assert.match(INSECURE, /https/);
});

test("an error that is no sentence becomes one", () => {
    assert.equal(sentence(new UserError("So.")), "So.");
    assert.match(sentence(new TypeError("x is undefined\n at y")), /\(x is undefined\)\. Reload/);
});

test("sizes far from what the student learned are told", () => {
    const contract = { geometry: { width: 1280, height: 1024, scale: 2, fit: "crop" }, multiple: 2 };
    const told = (width, height) => sizeSentence({ width, height }, contract);
    for (const usual of [
        [640, 480],
        [480, 640],
        [800, 600],
    ])
        assert.equal(told(...usual), null);
    assert.match(told(160, 120), /gives 160x120, little for the student/);
    assert.match(told(3840, 2160), /reads it reduced to 764x430/);
});
