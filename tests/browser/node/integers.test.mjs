// The engine in whole numbers, held to Python's answers, which the test that runs these writes to $PYTHONS_INTEGERS.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { readDials } from "../../../app/live/web/dials.mjs";
import { resizing } from "../../../app/live/web/geometry.mjs";
import { IntegerEngine } from "../../../app/live/web/integer_engine.mjs";
import { UserError } from "../../../app/live/web/messages.mjs";
import { checksum, copy, largestDifference, picture, unpackPicture } from "../../../app/live/web/pixels.mjs";
import { resize } from "../../../app/live/web/resize.mjs";
import { answersRightly, fastestTier, usableTiers } from "../../../app/live/web/tiers.mjs";
import { WebForm, readWeb } from "../../../app/live/web/web_form.mjs";

const students = JSON.parse(readFileSync(process.env.PYTHONS_INTEGERS, "utf8"));
const FOLDER = new URL("../../../app/static/engine/", import.meta.url);
const HELPER = `
    import("${new URL("../../../app/live/web/crew.mjs", import.meta.url)}").then(({ Thread }) => {
        const { workerData, parentPort } = require("node:worker_threads");
        const thread = new Thread(workerData);
        parentPort.postMessage("ready");
        thread.help();
    });
`;

const fromDisk = async (address) => {
    const bytes = readFileSync(new URL(address));
    return { ok: true, arrayBuffer: async () => bytes };
};

/** What helper.mjs does in a browser. */
function startHelper(thread) {
    const worker = new Worker(HELPER, { eval: true, workerData: thread });
    worker.unref();
    return new Promise((resolve, reject) => {
        worker.once("message", () => resolve(worker));
        worker.once("error", reject);
    });
}

function formOf({ title, contract: json, bytes: packed }) {
    const contract = { web: readWeb(json, title), dials: readDials(json, title) };
    return new WebForm({ title, contract, bytes: Uint8Array.from(Buffer.from(packed, "base64")).buffer });
}

/** Every build with so many threads. */
async function* engines(threads) {
    for (const shared of threads > 1 ? [true] : [true, false]) {
        for (const tier of await usableTiers(String(FOLDER), shared, fromDisk)) {
            const engine = await IntegerEngine.open({ ...tier, shared, threads, startHelper });
            yield [`${tier.name}, shared: ${shared}`, engine];
            engine.close();
        }
    }
}

for (const threads of [1, 2, 3]) {
    test(`every tier gives Python's bits on ${threads} threads, whatever the size and the dials`, async () => {
        let builds = 0;
        for await (const [name, engine] of engines(threads)) {
            builds += 1;
            const networks = students.map((student) => engine.add(formOf(student)));
            students.forEach(({ title, cases }, index) => {
                for (const { frame, setting, crc32 } of cases) {
                    const { width, height, data } = unpackPicture(frame);
                    engine.fit(width, height);
                    networks[index].set(setting);
                    const [answer] = engine.run(data, [networks[index]]);
                    assert.deepEqual([answer.width, answer.height], [2 * width, 2 * height]);
                    assert.equal(checksum(answer), crc32, `${name}: ${title}, ${width}x${height} at ${setting}`);
                    assert.ok(answer.data.every((level, at) => at % 4 !== 3 || level === 255));
                }
            });
        }
        assert.equal(builds, threads > 1 ? 2 : 4, "this node has relaxed dots");
    });
}

test("two students see the same frame, and one may be turned while the other one stays", async () => {
    for await (const [, engine] of engines(2)) {
        const { cases, ...student } = students[0];
        const [one, other] = [engine.add(formOf(student)), engine.add(formOf(student))];
        const [first, second] = cases;
        const { width, height, data } = unpackPicture(first.frame);
        engine.fit(width, height);
        one.set(first.setting);
        other.set(second.setting);
        assert.deepEqual(engine.run(data).map(checksum), [first.crc32, second.crc32]);
    }
});

test("a thread that dies is done without", async () => {
    for await (const [, engine] of engines(3)) {
        const { cases, ...student } = students[0];
        const network = engine.add(formOf(student));
        const { width, height, data } = unpackPicture(cases[0].frame);
        engine.fit(width, height);
        network.set(cases[0].setting);
        await engine.crew.helpers[0].terminate();
        assert.equal(checksum(engine.run(data)[0]), cases[0].crc32);
    }
});

test("memory stays as it is over many frames, sizes and settings", async () => {
    for await (const [, engine] of engines(1)) {
        const { cases, ...student } = students[0];
        const network = engine.add(formOf(student));
        const pictures = cases.map(({ frame }) => unpackPicture(frame));
        const sizes = [];
        for (let round = 0; round < 3; round += 1) {
            for (const { width, height, data } of pictures) {
                engine.fit(width, height);
                network.set(cases[round].setting);
                engine.run(data);
            }
            sizes.push(engine.memory.buffer.byteLength);
        }
        assert.equal(new Set(sizes).size, 1);
    }
});

test("a tier that answers otherwise is not taken, and where all do, none is", async () => {
    const { title, contract: json, cases, ...rest } = students[0];
    const form = formOf({ title, contract: json, ...rest });
    const input = unpackPicture(cases[0].frame);
    const known = (index) => ({ shape: [2 * input.height, 2 * input.width, 3], crc32: cases[index].crc32 });
    const contract = {
        golden: { input },
        dials: { neutral: cases[0].setting },
        strong: { setting: cases[1].setting },
        web: { known: { neutral: known(0), strong: known(1) } },
    };
    const tiers = await usableTiers(String(FOLDER), false, fromDisk);
    const about = { form, title, contract, shared: false };
    assert.ok(tiers.includes(await fastestTier(tiers, about)));
    const [relaxed, simd] = tiers;
    const odd = { ...relaxed, module: simd.module }; // its weights are arranged for the other one
    assert.equal(await fastestTier([odd, simd], about), simd);
    await assert.rejects(fastestTier([odd], about), /known-answer/);
    const engine = await IntegerEngine.open({ ...simd, shared: false, threads: 1 });
    const network = engine.add(form);
    assert.equal(answersRightly(engine, network, contract), true);
    const wrong = { ...contract.web.known, strong: { ...known(1), crc32: 1 } };
    assert.equal(answersRightly(engine, network, { ...contract, web: { known: wrong } }), false);
});

test("a browser without SIMD, and files that are not there, are sentences", async () => {
    const old = async () => ({ ok: true, arrayBuffer: async () => Uint8Array.of(0, 97, 115, 109, 9, 0, 0, 0) });
    const isSentence = (part) => (error) => error instanceof UserError && part.test(error.message);
    await assert.rejects(usableTiers("x/", true, old), isSentence(/no SIMD/));
    await assert.rejects(
        usableTiers("x/", true, async () => ({ ok: false })),
        isSentence(/make setup/),
    );
});

test("a web form that is not valid, or a file that ends early, is a sentence", () => {
    const { title, contract: json, bytes } = students[0];
    const { web, dials, files } = json;
    assert.equal(readWeb({ ...json, web: undefined }, title), null);
    assert.equal(readWeb({ ...json, web: { ...web, definition: 2 } }, title), null, "one that is not known here");
    const layers = (change) => ({ ...json, web: { ...web, layers: web.layers.map(change) } });
    const wrong = [
        { ...json, files: { "student.onnx": files["student_web.bin"] } },
        { ...json, scale: 4 },
        { ...json, web: { ...web, channels: 24 } },
        { ...json, web: { ...web, blocks: 2 } },
        { ...json, web: { ...web, layers: undefined } },
        { ...json, dials: { ...dials, ranges: undefined } },
        { ...json, dials: { ...dials, ranges: { ...dials.ranges, low: dials.perceptron.hidden_bias } } },
        { ...json, dials: { ...dials, layers: dials.layers.slice(1) } },
        layers((layer) => ({ ...layer, reads: 99 })),
        layers((layer) => ({ ...layer, weights: { ...layer.weights, type: "int8" } })),
    ];
    const isSentence = (error) =>
        error instanceof UserError && /^The web form .* of 16 channels is not valid \(/.test(error.message);
    for (const other of wrong) assert.throws(() => readWeb(other, title), isSentence);
    const short = Buffer.from(bytes, "base64").subarray(0, -16).toString("base64");
    assert.throws(() => formOf({ title, contract: json, bytes: short }), /ends before its weights/);
});

test("bicubic on the engine is that of the loops, but for values at the border of two levels", async () => {
    for await (const [name, engine] of engines(2)) {
        engine.add(formOf(students[0]));
        for (const [size, target] of [
            [picture(64, 48), picture(128, 96)],
            [picture(61, 47), picture(128, 104)],
            [picture(20, 15), picture(160, 128)],
        ]) {
            size.data.forEach((_, i) => (size.data[i] = 128 + 127 * Math.sin(i / 70) * Math.cos(1.7 * i)));
            const plan = resizing({ x: 0, y: 0, width: size.width, height: size.height }, target);
            engine.fit(16, 16);
            assert.ok(engine.fitEnlarging(size, plan, target));
            const part = { from: 3, to: target.width - 6, at: 0 };
            const [expected, made] = [picture(target.width, target.height), picture(target.width, target.height)];
            resize(size, plan, expected, part);
            copy(engine.enlarge(size.data, part), { x: 0, y: 0 }, made, part);
            assert.ok(largestDifference(made, expected) <= 1, name);
            assert.ok(made.data.filter((level, i) => level !== expected.data[i]).length <= 5, name);
        }
        const half = resizing({ x: 0, y: 0, width: 64, height: 48 }, picture(32, 24));
        assert.equal(engine.fitEnlarging(picture(64, 48), half, picture(32, 24)), false, "that is no enlargement");
    }
});

test("the checksum is zlib's, of all but alpha", () => {
    assert.equal(checksum({ data: new TextEncoder().encode("123_456_789_") }), 0xcbf43926); // the check value of CRC-32
});
