// Calm: what a camera's frames say together, before a student sees them. The same bytes as pipeline/student/calm.py,
// which says why. Pictures are {width, height, data}: RGBA, one byte each.
//
// What is done for every pixel is in app/live/wasm/calm.ts, what is done for every block of 4x4 pixels is here.

import { roundHalfEven } from "./geometry.mjs";
import { UserError } from "./messages.mjs";
import { BLOCK, Motion } from "./motion.mjs";
import { ONE } from "./shares.mjs";

const SMALLEST_PX = 32; // of a side: smaller frames pass as they are
const LEAST = 32; // gain, of ONE, where nothing ever moved
const PAGE = 2 ** 16; // bytes of a page of memory
const ALIGNED = 16; // bytes, and so many behind each array: the kernels load whole vectors
const WORD = 4;
const SHORT = 2;
const SCRATCH = 64; // bytes
const STREAM = "width height columns rows stride pixels shown redBlue green luma gain tall line scratch".split(" "); // of calm.ts

/** The gain of a mean over one frame more, by that of the mean so far; both of ONE. */
const ONE_MORE = Int32Array.from({ length: ONE + 1 }, (_, gain) => Math.max(Math.floor((ONE * gain) / (ONE + gain)), LEAST));

/** One stream of frames on its way to a student. */
export class Calm {
    /** With the kernels from `folder`. Throws UserError where they are not there. */
    static async open(folder, fetching = fetch) {
        const answer = await fetching(`${folder}calm.wasm`);
        if (!answer.ok)
            throw new UserError('Frames are not fused through time: the page\'s kernels are missing (run "make setup").');
        return new Calm(await WebAssembly.compile(await answer.arrayBuffer()));
    }

    /** `noise` is the dial: what the noise is taken for until frames have told. */
    constructor(module, noise = 0.25) {
        const buffer = new WebAssembly.Memory({ initial: 1 });
        const { exports } = new WebAssembly.Instance(module, { env: { memory: buffer } });
        Object.assign(this, { kernels: exports, buffer, noise, memory: null });
    }

    /** Forget the frames: the next one is another stream's. */
    reset() {
        this.memory = null;
    }

    /**
     * What to make a picture of in place of `frame`. Another size, and a cut, begin again; a frame that came before is
     * not counted twice. The answer is the stream's own memory: it must not be written to, and is good until the next
     * frame. `strength` goes from 0, frames as they are, to 1.
     */
    fuse(frame, strength) {
        const { width, height } = frame;
        if (strength === 0 || Math.min(width, height) < SMALLEST_PX) {
            this.memory = null;
            return frame;
        }
        if (this.memory?.shown.width !== width || this.memory.shown.height !== height) {
            this.memory = new Memory(frame, this);
            return this.memory.shown;
        }
        return this.memory.add(frame, roundHalfEven(ONE * strength));
    }
}

/** What is kept of a stream; begun with its first frame. */
class Memory {
    constructor(frame, { kernels, buffer, noise }) {
        const { width, height } = frame;
        const [columns, rows] = [Math.floor(width / BLOCK), Math.floor(height / BLOCK)];
        const [count, blocks] = [width * height, columns * rows];
        const stride = BLOCK * Math.ceil(width / BLOCK); // of the two planes of luma
        const place = placesIn(buffer, {
            ...{ stream: WORD * STREAM.length, scratch: SCRATCH },
            ...{ pixels: WORD * count, shown: WORD * count, redBlue: WORD * count, green: SHORT * count }, // see calm.ts
            ...{ luma: stride * height, newest: stride * height }, // of `shown`, and of the last frame
            ...{ gain: WORD * blocks, tall: WORD * (columns + 2), line: width }, // of blocks, and of a row's pixels
            ...{ before: SHORT * blocks, signed: SHORT * (blocks + columns), size: SHORT * blocks, colour: SHORT * blocks },
        });
        const view = (Type, name, length) => new Type(buffer.buffer, place[name], length);
        Object.assign(this, { kernels, place, width, height, columns, rows, stride });
        this.pixels = view(Uint8ClampedArray, "pixels", WORD * count);
        this.redBlue = view(Int32Array, "redBlue", count);
        this.green = view(Int16Array, "green", count);
        this.shown = { width, height, data: view(Uint8ClampedArray, "shown", WORD * count) };
        this.luma = view(Uint8Array, "luma", stride * height);
        this.newest = view(Uint8Array, "newest", stride * height);
        this.gain = view(Int32Array, "gain", blocks); // of ONE
        const sums = ["before", "signed", "size", "colour"];
        const read = Object.fromEntries(
            sums.map((name) => [name, view(Int16Array, name, name === "signed" ? blocks + columns : blocks)]),
        );
        this.motion = new Motion({ columns, rows, ...read }, noise);
        view(Int32Array, "stream", STREAM.length).set(STREAM.map((field) => place[field] ?? this[field]));
        this.#read(frame);
        this.#begin(frame);
    }

    add(frame, strength) {
        const { motion, kernels, place, columns, rows } = this;
        if (!this.#read(frame)) return this.shown;
        const { before, signed, size, colour } = place;
        kernels.compareLuma(place.luma, place.newest, this.stride, columns, rows, before, signed, size);
        kernels.compareColours(place.shown, place.pixels, this.width, columns, rows, colour);
        if (motion.isCut()) {
            motion.noise.beginScene();
            this.#begin(frame);
        } else {
            motion.find();
            this.#nextGain(strength);
            kernels.blend(place.stream);
        }
        return this.shown;
    }

    #begin({ data }) {
        const pixels = new Int32Array(data.buffer, data.byteOffset, data.length / WORD);
        pixels.forEach((pixel, i) => {
            this.redBlue[i] = (pixel & 0xff00ff) << 7;
            this.green[i] = (pixel & 0xff00) >> 1;
        });
        this.shown.data.set(data);
        this.luma.set(this.newest);
        this.gain.fill(ONE);
    }

    /** Whether the frame's luma, which is kept, is another one than the last one's. */
    #read({ data }) {
        const { kernels, place, stride, width, height } = this;
        this.pixels.set(data);
        return kernels.readLuma(place.pixels, place.newest, stride, width, height) !== 0;
    }

    /** The gain of a mean over one frame more, up to 1 as surely as something moved. */
    #nextGain(strength) {
        const [{ gain }, { moved }] = [this, this.motion];
        for (let i = 0; i < gain.length; i += 1) {
            const least = ONE_MORE[gain[i]];
            const full = least + (((ONE - least) * moved[i]) >> 8);
            gain[i] = ONE - (((ONE - full) * strength) >> 8);
        }
    }
}

/** Where arrays of so many bytes lie from the memory's beginning, all of them zero. */
function placesIn(memory, lengths) {
    let end = 0;
    const places = Object.entries(lengths).map(([name, length]) => {
        const at = end;
        end += ALIGNED * Math.ceil(length / ALIGNED) + ALIGNED;
        return [name, at];
    });
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    new Uint8Array(memory.buffer, 0, end).fill(0);
    return Object.fromEntries(places);
}
