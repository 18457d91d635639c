// Students in whole numbers on a crew of threads: where in its memory everything lies that layers.ts works on.

import { Crew, WIDEST, crewBytes } from "./crew.mjs";
import { COLOURS, IntegerNetwork, SHORT, WORD } from "./integer_network.mjs";
import { span } from "./resize.mjs";

const PAGE = 2 ** 16; // bytes of a page of memory
const MOST_PAGES = 2 ** 12; // a quarter of a gigabyte
const ALIGNED = 64; // bytes
const TILE_PX = 4;
// The fields of a record of enlarging.ts, a word each.
const ENLARGING = "source sourceRow into width columns columnWeights rows rowWeights first end sourceFirst sourceEnd".split(" ");

/** A crew with its memory, and the networks that it computes. */
export class IntegerEngine {
    /**
     * @param {WebAssembly.Module} module of layers.ts
     * @param {number} activation bytes of what its convolutions read
     * @param {boolean} shared whether that module takes shared memory, without which there is one thread
     * @param {number} threads
     * @param {Function} startHelper see Crew
     */
    static async open({ module, activation, shared, threads, startHelper }) {
        const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared });
        const engine = new IntegerEngine(memory, threads, activation);
        engine.crew = await Crew.open({ module, memory, threads, startHelper });
        return engine;
    }

    constructor(memory, threads, activation) {
        Object.assign(this, { memory, activation, end: 0, networks: [] });
        this.reserve(crewBytes(threads));
    }

    /** Take a student in; see WebForm. Its dials are at neutral. */
    add(form) {
        const network = new IntegerNetwork(this, form);
        this.networks.push(network);
        this.fixed = this.end;
        return network;
    }

    /** Make room for frames of `width` x `height`, both even. */
    fit(width, height) {
        this.end = this.fixed;
        const [half, rows] = [width / 2, height / 2];
        const wide = TILE_PX * Math.ceil(half / TILE_PX);
        const channels = Math.max(...this.networks.map(({ form }) => form.channels));
        const bordered = (wide + 2) * (rows + 2) * channels * this.activation;
        const frameRow = (2 * wide + 2) * COLOURS * SHORT;
        const room = {
            ...{ width: half, height: rows, wide },
            rgba: this.reserve(4 * width * height),
            frame: this.reserve(frameRow * (height + 2)),
            trunk: this.reserve(SHORT * wide * rows * channels),
            outer: this.reserve(bordered),
            inner: this.reserve(bordered),
        };
        this.bytes(room.frame, frameRow * (height + 2)).fill(0);
        for (const network of this.networks) network.fit({ ...room, picture: this.reserve(16 * width * height) }, frameRow);
        this.room = room;
    }

    /** What the networks make of a frame of RGBA `levels`: pictures of twice its sides, good until the next frame. */
    run(levels, networks = this.networks) {
        const { rgba, width, height } = this.room;
        this.bytes(rgba, levels.length).set(levels);
        return networks.map(({ steps, picture }, index) => {
            this.crew.run(index === 0 ? steps : steps.slice(1)); // the frame is there
            return { width: 4 * width, height: 4 * height, data: this.bytes(picture, 4 * levels.length) };
        });
    }

    /** Make room to enlarge pictures of `size` by a `plan` of geometry.mjs; after `fit`. Gives whether that is possible. */
    fitEnlarging(size, plan, target) {
        this.enlarging = null;
        if (!plan?.columns.moves || plan.rows.count !== 4 || size.width > WIDEST) return false; // it is not bicubic
        const { columns, rows } = plan;
        this.enlarging = {
            record: this.reserve(WORD * ENLARGING.length),
            target,
            columns,
            fields: {
                ...{ source: this.reserve(4 * size.width * size.height), sourceRow: 4 * size.width },
                ...{ into: this.reserve(4 * target.width * target.height), width: target.width },
                ...{ columns: this.store(columns.at), columnWeights: this.store(columns.weights) },
                ...{ rows: this.store(rows.at), rowWeights: this.store(rows.weights) },
            },
        };
        return true;
    }

    /** Columns `from` to `to` of the picture of RGBA `levels` enlarged, within a picture that is good until the next one. */
    enlarge(levels, { from, to }) {
        const { record, target, columns, fields } = this.enlarging;
        const [sourceFirst, sourceEnd] = span(columns, from, to);
        this.bytes(fields.source, levels.length).set(levels);
        const filled = { ...fields, first: from, end: to, sourceFirst, sourceEnd };
        this.put(
            Int32Array.from(ENLARGING, (field) => filled[field]),
            record,
        );
        this.crew.run([{ kernel: "enlarge", body: record, layer: 0, height: target.height }]);
        return { ...target, data: this.bytes(fields.into, 4 * target.width * target.height) };
    }

    close() {
        this.crew.close();
    }

    /** Where so many bytes lie from now on. */
    reserve(length) {
        const at = this.end;
        this.end += ALIGNED * Math.ceil(length / ALIGNED);
        const missing = this.end - this.memory.buffer.byteLength;
        if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
        return at;
    }

    /** Bytes of the memory, as it is now. */
    bytes(at, length) {
        return new Uint8ClampedArray(this.memory.buffer, at, length);
    }

    /** Reserve room for an array and put it there. */
    store(array) {
        const at = this.reserve(array.byteLength);
        this.put(array, at);
        return at;
    }

    put(array, at) {
        new Uint8Array(this.memory.buffer, at, array.byteLength).set(
            new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
        );
    }
}
