// One engine: a backend, its sessions and its canvas, off the page's thread. A page that wants another one takes a new
// worker. Calls are answered one after the other: {id, call, args} with {id, value} or {id, error}.

import { Calm } from "./calm.mjs";
import { DIALS } from "./dials.mjs";
import { kept, stepped, studentInput } from "./geometry.mjs";
import { sentence } from "./messages.mjs";
import { picture } from "./pixels.mjs";
import { quantile } from "./timing.mjs";

const BACKENDS = {
    integers: async () => (await import("./integers.mjs")).IntegersBackend,
    wasm: async () => (await import("./wasm.mjs")).WasmBackend,
    webgpu: async () => (await import("./webgpu.mjs")).WebgpuBackend,
};
const CHECK_EVERY = 30; // frames
const SINGLE = { view: "single", split: 0, mirror: false, strength: 1 };

let backend;
let students; // [{title, contract, ...}], as the backend loaded them: the one that is shown, and perhaps the one it is compared with
let kernels; // the folder of our own ones
let estimator = null; // of the camera's dials, where a student brings one
let calm = null; // where frames are fused
let stream; // that the frames before this one are of
let fitted = ""; // what the backend's buffers were made for
let frames = 0;

const calls = {
    /** Open the backend, load the models, hold each to its known answer. */
    async open({ engine, models, ...options }) {
        kernels = options.layers;
        backend = await (await BACKENDS[engine]()).open(options);
        const notes = [];
        calm = await Calm.open(kernels).catch((error) => void notes.push(sentence(error)));
        students = [];
        for (const model of models) students.push(await backend.load(model));
        await backend.begin?.(() => postMessage({ lost: `${backend.name} was lost.` }));
        for (const student of students) {
            await backend.check(student, (frame, geometry) => enhance(asFrame(frame), geometry, SINGLE, [student]));
        }
        return {
            backend: backend.name,
            threads: backend.threads,
            note: [backend.note, ...notes].filter(Boolean).join(" "),
            measures: Boolean(estimating()),
        };
    },

    /** Load what measures the camera, of the `file` of its network. */
    async prepare({ file }) {
        const { Estimator } = await import("./estimator.mjs");
        estimator = await Estimator.open(backend, { contract: estimating(), file, folder: kernels });
    },

    /** Set the dials of every student that has any; the sessions before run until the new ones are checked. */
    async turn({ setting }) {
        for (const student of students) await backend.turn(student, setting);
        if (calm) calm.noise = setting[DIALS.indexOf("noise")];
    },

    /** Look at the last frame's camera: how many windows there are to `read`, and ms that it took. */
    look: () => clocked(async () => ({ count: await estimator.look() })),
    read: ({ index }) => clocked(() => estimator.read(index)),

    /** Median ms of a frame of the student's own size, once everything is warm. */
    async measure({ share, runs }) {
        const geometry = geometryFor(share);
        const { width, height } = studentInput(geometry);
        const times = [];
        for (let run = 0; run <= runs; run += 1) {
            const started = performance.now();
            await enhance(asFrame(picture(width, height)), geometry, SINGLE, students);
            if (run > 0) times.push(performance.now() - started);
        }
        return quantile(times, 0.5);
    },

    /** A camera's frame, in its own shape, all the way to the canvas; fused with those before it of the same stream. */
    async frame({ frame, share, view, calm: { stream: its, strength } }) {
        const geometry = kept(geometryFor(share), sizeOf(frame), students[0].contract.multiple);
        const running = view.strength > 0 ? students : [];
        if (its !== stream) calm?.reset();
        stream = its;
        const parts = await enhance(frame, geometry, view, running, strength);
        if (frames % CHECK_EVERY === 0) await backend.guard(running);
        frames += 1;
        const { width, height } = studentInput(geometry);
        return { parts, input: [width, height], output: [geometry.width, geometry.height] };
    },

    async redraw({ view }) {
        await backend.redraw(view);
    },

    /** The last frame as PNGs: {raw, bicubic, student}, and `compared` where there is such a student. */
    async pictures() {
        const pictures = Object.entries(await backend.pictures());
        const pngs = pictures.map(async ([what, picture]) => [what, await toPng(picture)]);
        return Object.fromEntries(await Promise.all(pngs));
    },
};

let turn = Promise.resolve();
self.onmessage = ({ data: { id, call, args } }) => {
    const answer = async () => {
        try {
            postMessage({ id, value: await calls[call](args) });
        } catch (error) {
            postMessage({ id, error: sentence(error) });
        }
    };
    if (call === "prepare" && (backend.isApart || estimating().estimator.plain)) answer();
    else turn = turn.then(answer);
};

/** The contract that knows how the camera is measured, where there is one. */
function estimating() {
    return students.find(({ contract }) => contract.estimator)?.contract;
}

function geometryFor(share) {
    const { geometry, multiple } = students[0].contract;
    return share === 1 ? geometry : stepped(geometry, share, multiple);
}

/** Closes `frame` whatever happens; ms of each part. Fuses it as strongly as told. */
async function enhance(frame, geometry, view, running, strength = 0) {
    const clock = stopwatch();
    try {
        fit(sizeOf(frame), geometry);
        await backend.take(frame);
        clock.stop("capture");
        await backend.before(fusing(strength));
        clock.stop("before");
        const answers = running.length > 0 ? await backend.run(running) : [];
        clock.stop("run");
        backend.after(answers, view);
        clock.stop("after");
        await backend.draw(view);
        clock.stop("draw");
        return clock.parts;
    } finally {
        frame.close();
    }
}

function fusing(strength) {
    if (strength > 0 && calm) return (picture) => calm.fuse(picture, strength);
    calm?.reset();
    return null;
}

function fit(size, geometry) {
    const wanted = JSON.stringify([size, geometry]);
    if (wanted === fitted) return;
    backend.fit(size, geometry);
    calm?.reset(); // the same size may be another part of the frame
    fitted = wanted;
}

/** What `work` gives, with the ms that it took. */
async function clocked(work) {
    const started = performance.now();
    return { ...(await work()), ms: performance.now() - started };
}

function stopwatch() {
    const parts = {};
    let last = performance.now();
    const stop = (part) => {
        const now = performance.now();
        parts[part] = now - last;
        last = now;
    };
    return { parts, stop };
}

function sizeOf(frame) {
    const { width, height } = frame.visibleRect ?? frame; // an ImageBitmap has no such rectangle
    return { width, height };
}

function asFrame({ width, height, data }) {
    if (!globalThis.VideoFrame) {
        const canvas = new OffscreenCanvas(width, height);
        canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
        return canvas.transferToImageBitmap();
    }
    return new VideoFrame(data, { format: "RGBA", codedWidth: width, codedHeight: height, timestamp: 0 });
}

async function toPng({ width, height, data }) {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d", { alpha: false }).putImageData(new ImageData(data, width, height), 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
}
