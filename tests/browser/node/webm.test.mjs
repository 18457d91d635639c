// The duration of a film, put where players look for it.

import assert from "node:assert/strict";
import test from "node:test";

import { withDuration } from "../../../app/live/web/webm.mjs";

const HEADER = [0x1a, 0x45, 0xdf, 0xa3, 0x81, 0x00];
const SEGMENT = [0x18, 0x53, 0x80, 0x67];
const UNKNOWN = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const TICKS_OF_A_MICROSECOND = [0x2a, 0xd7, 0xb1, 0x82, 0x03, 0xe8];
const APP = [0x4d, 0x80, 0x81, 0x41];
const TRACKS = [0x16, 0x54, 0xae, 0x6b, 0x81, 0x07];

function film({ before = [], info = APP, size = UNKNOWN } = {}) {
    return Uint8Array.from([
        ...HEADER,
        ...SEGMENT,
        ...size,
        ...before,
        0x15,
        0x49,
        0xa9,
        0x66,
        0x80 | info.length,
        ...info,
        ...TRACKS,
    ]);
}

function durationOf(ticks) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, ticks);
    return [0x44, 0x89, 0x88, ...bytes];
}

test("the information gets the duration, and all else stays as it was", () => {
    const expected = [0x15, 0x49, 0xa9, 0x66, 0x01, 0, 0, 0, 0, 0, 0, APP.length + 11, ...APP, ...durationOf(2500), ...TRACKS];
    assert.deepEqual([...withDuration(film(), 2.5)], [...HEADER, ...SEGMENT, ...UNKNOWN, ...expected]);
});

test("ticks are as long as the film says", () => {
    const found = withDuration(film({ info: TICKS_OF_A_MICROSECOND }), 2.5);
    assert.deepEqual([...found].slice(-TRACKS.length - 11, -TRACKS.length), durationOf(2_500_000));
});

for (const [what, bytes] of Object.entries({
    "has a duration": film({ info: durationOf(1) }),
    "is whole": film({ size: [0x9c] }),
    "says where its parts lie": film({ before: [0x11, 0x4d, 0x9b, 0x74, 0x80] }),
    "is cut off": film().slice(0, 20),
    "is something else": Uint8Array.from([0, 0, 0, 24, 0x66, 0x74, 0x79, 0x70]),
    "is empty": new Uint8Array(0),
})) {
    test(`a film that ${what} stays as it is`, () => assert.deepEqual(withDuration(bytes, 2.5), bytes));
}
