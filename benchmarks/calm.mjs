// Milliseconds of the calm of a frame in V8: node benchmarks/calm.mjs [WIDTHxHEIGHT] [FRAMES]

import { readFileSync } from "node:fs";

import { Calm } from "../app/live/web/calm.mjs";
import { picture } from "../app/live/web/pixels.mjs";

const folder = String(new URL("../app/static/engine/", import.meta.url));
const fromDisk = async (address) => ({ ok: true, arrayBuffer: async () => readFileSync(new URL(address)) });
const [width, height] = (process.argv[2] ?? "640x480").split("x").map(Number);
const count = Number(process.argv[3] ?? 300);
const NOISE = 6;
const KEPT = 8; // frames of noise, made once

/** Noise for a frame: sums of four uniform numbers are nearly normal. */
function noise() {
    return Int8Array.from({ length: 3 * width * height }, () => {
        const sum = Math.random() + Math.random() + Math.random() + Math.random() - 2;
        return Math.round(NOISE * Math.sqrt(3) * sum);
    });
}

function level(x, y, channel) {
    return 128 + 50 * Math.sin(x / 7 + channel) + 50 * Math.sin(y / 11 - x / 23);
}

const grains = Array.from({ length: KEPT }, noise);
const scenes = {
    "nothing moves": (x, y, channel) => level(x, y, channel),
    "a fifth moves": (x, y, channel, t) => (x < width / 5 ? level(x + 3 * t, y + t, channel) : level(x, y, channel)),
    "the camera pans": (x, y, channel, t) => level(x + 3 * t, y, channel),
};

function frameOf(scene, t) {
    const made = picture(width, height);
    const grain = grains[t % KEPT];
    for (let i = 0; i < width * height; i += 1) {
        const [x, y] = [i % width, Math.floor(i / width)];
        for (let channel = 0; channel < 3; channel += 1)
            made.data[4 * i + channel] = scene(x, y, channel, t) + grain[3 * i + channel];
        made.data[4 * i + 3] = 255;
    }
    return made;
}

for (const [name, scene] of Object.entries(scenes)) {
    const frames = Array.from({ length: 2 * KEPT }, (_, t) => frameOf(scene, t));
    const calm = await Calm.open(folder, fromDisk);
    const times = [];
    for (let t = 0; t < count; t += 1) {
        const place = t % (4 * KEPT - 2); // to and fro: no cut between the last and the first
        const frame = frames[place < 2 * KEPT ? place : 4 * KEPT - 2 - place];
        const started = performance.now();
        calm.fuse(frame, 1);
        times.push(performance.now() - started);
    }
    const late = times.slice(Math.floor(count / 3)).sort((one, other) => one - other);
    const median = late[Math.floor(late.length / 2)];
    console.log(
        `${width}x${height}, ${name}: least ${late[0].toFixed(2)} ms, median ${median.toFixed(2)} ms of ${late.length} frames`,
    );
}
