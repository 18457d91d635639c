// Held to Python's answers, which the test that runs these writes to $PYTHONS_ANSWERS.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { cropBox, kept, layout, resizing, roundHalfEven, stepped, studentInput } from "../../../app/live/web/geometry.mjs";
import { copy, largestDifference, picture, toBatch, unpackPicture } from "../../../app/live/web/pixels.mjs";
import { resize } from "../../../app/live/web/resize.mjs";

const answers = JSON.parse(readFileSync(process.env.PYTHONS_ANSWERS, "utf8"));

function fitted(source, box, size) {
    const into = picture(size.width, size.height);
    const all = { from: 0, to: size.width, at: 0 };
    const plan = resizing(box, size);
    if (plan) resize(source, plan, into, all);
    else copy(source, box, into, all);
    return into;
}

test("python rounds halves to even", () => {
    assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6, 600].map(roundHalfEven), [0, 2, 2, 2, 3, 600]);
});

test("there is a case for each way to fit", () => assert.ok(answers.length >= 10));

for (const { asked, frame, geometry } of answers.filter(({ keep }) => keep)) {
    const [height, width] = frame.shape;
    test(`the shape that is kept is Python's: ${width}x${height}`, () => {
        assert.deepEqual(kept(asked, { width, height }, 2), geometry);
    });
}

test("a frame keeps its shape, and costs no more than the student's own size", () => {
    const geometry = { width: 1280, height: 1024, scale: 2, fit: "crop" };
    const own = (width, height) => studentInput(kept(geometry, { width, height }, 2));
    assert.deepEqual(own(640, 480), { width: 640, height: 480 });
    assert.deepEqual(own(160, 120), { width: 160, height: 120 });
    assert.deepEqual(own(1280, 720), { width: 764, height: 430 });
    assert.deepEqual(own(720, 1280), { width: 430, height: 764 });
    for (const [width, height] of [
        [1920, 1080],
        [3840, 2160],
        [1000, 999],
        [4000, 50],
    ]) {
        const read = own(width, height);
        assert.ok(read.width * read.height < 1.01 * 640 * 512);
        assert.ok(Math.abs((read.width * height) / (read.height * width) - 1) < 2 / Math.min(read.width, read.height));
    }
});

for (const { frame, geometry, box, fit, enlarge } of answers) {
    const [height, width] = frame.shape;
    const name = `${width}x${height} to ${geometry.width}x${geometry.height} by ${geometry.fit}`;
    const source = unpackPicture(frame);
    const cut = cropBox(width, height, geometry);

    test(`the crop is Python's: ${name}`, () => assert.deepEqual(cut, box));

    test(`the student's input is Python's within one grey level: ${name}`, () => {
        assert.ok(largestDifference(fitted(source, cut, studentInput(geometry)), unpackPicture(fit)) <= 1);
    });

    test(`bicubic is OpenCV's within one grey level: ${name}`, () => {
        assert.ok(largestDifference(fitted(source, cut, geometry), unpackPicture(enlarge)) <= 1);
    });
}

test("halving rounds halves up, as OpenCV does, and is exact", () => {
    const halved = answers.filter(({ box, geometry }) => box.width === geometry.width && box.height === geometry.height);
    assert.ok(halved.length > 0);
    for (const { frame, geometry, box, fit } of halved) {
        assert.equal(largestDifference(fitted(unpackPicture(frame), box, studentInput(geometry)), unpackPicture(fit)), 0);
    }
});

test("a part of the columns is the same as those of the whole", () => {
    const { frame, geometry, box } = answers[0];
    const [source, plan] = [unpackPicture(frame), resizing(box, geometry)];
    const [whole, part] = [picture(geometry.width, geometry.height), picture(geometry.width, geometry.height)];
    resize(source, plan, whole, { from: 0, to: geometry.width, at: 0 });
    resize(source, plan, part, { from: 0, to: 33, at: 0 });
    resize(source, plan, part, { from: 33, to: geometry.width, at: 33 });
    assert.equal(largestDifference(whole, part), 0);
});

test("a batch is planar and holds the box alone", () => {
    const source = { width: 3, height: 2, data: Uint8ClampedArray.from({ length: 24 }, (_, i) => i) };
    const batch = new Float32Array(6);
    toBatch(source, { x: 1, y: 1, width: 2, height: 1 }, batch);
    assert.deepEqual([...batch.map((value) => Math.round(255 * value))], [16, 20, 17, 21, 18, 22]);
});

test("a smaller input keeps what the network takes", () => {
    const geometry = { width: 1280, height: 1024, scale: 2, fit: "crop" };
    assert.deepEqual(studentInput(stepped(geometry, 3 / 4, 2)), { width: 480, height: 384 });
    const odd = stepped({ width: 1000, height: 600, scale: 2, fit: "crop" }, 3 / 4, 2);
    assert.ok(studentInput(odd).width % 2 === 0 && studentInput(odd).height % 2 === 0);
    assert.deepEqual(studentInput(stepped({ width: 4, height: 4, scale: 2, fit: "crop" }, 1 / 2, 2)), { width: 2, height: 2 });
});

test("a split shows the left picture left, mirrored or not", () => {
    const shown = (view) => {
        const { width, parts } = layout(view, 10);
        const line = Array(width).fill("-");
        for (const { picture: which, from, to, at } of parts) {
            for (let column = from; column < to; column += 1) line[at + column - from] = which === "left" ? "l" : "r";
        }
        return (view.mirror ? line.reverse() : line).join("");
    };
    for (const mirror of [false, true]) {
        assert.equal(shown({ view: "split", split: 0.3, mirror }), "lllrrrrrrr");
        assert.equal(shown({ view: "side", split: 0.3, mirror }), "llllllllllrrrrrrrrrr");
        assert.equal(shown({ view: "single", split: 0.3, mirror }), "rrrrrrrrrr");
    }
});
