// A student in whole numbers as layers.ts computes it: its weights and its records in the memory of an engine.

export const WORD = 4; // bytes: what the kernels load of an input at once
export const SHORT = 2;
export const COLOURS = 3;
const TILE_CHANNELS = 16;
// The fields of the records of layers.ts, a word each.
const BODY = "width height wide pixel rgba frame trunk outer inner picture".split(" ");
const CONVOLUTION = "input inputRow inputPixel line lines steps channels weights sums times plus gain zero skip".split(" ");

/** A student's weights and records. */
export class IntegerNetwork {
    constructor(engine, form) {
        Object.assign(this, { engine, form });
        this.body = engine.reserve(WORD * BODY.length);
        this.layers = new Map([...form.layers.values()].map((layer) => [layer.name, this.#place(layer)]));
        this.set(form.dials.neutral);
    }

    /** Set the dials from the next frame on. */
    set(setting) {
        for (const [name, numbers] of Object.entries(this.form.at(setting))) {
            const layer = this.layers.get(name);
            for (const part of ["sums", "times", "plus"]) this.engine.put(numbers[part], layer.fields[part]);
            Object.assign(layer.fields, { gain: numbers.gain, zero: numbers.zero });
        }
        if (this.room) this.#write();
    }

    /** Lie in that `room`, whose rows of the frame are so many bytes. */
    fit(room, frameRow) {
        const pixel = this.form.channels * this.engine.activation;
        const row = (room.wide + 2) * pixel;
        this.room = { ...room, pixel };
        this.picture = room.picture;
        const ofFrame = { input: room.frame, inputRow: 2 * frameRow, inputPixel: 2 * COLOURS * SHORT, line: frameRow };
        for (const [name, { fields }] of this.layers) {
            const input = name.endsWith(".second") ? room.inner : room.outer;
            const ofBody = { input, inputRow: row, inputPixel: pixel, line: row };
            Object.assign(fields, name === "head" || name === "skip" ? ofFrame : ofBody);
        }
        this.#write();
    }

    /** What the crew runs, one after the other. */
    get steps() {
        const step = (kernel, name) => ({
            ...{ kernel, body: this.body, height: this.room.height },
            layer: this.layers.get(name)?.at ?? 0,
        });
        const blocks = this.form.blocks.flatMap((block) => [step("first", `${block}.first`), step("second", `${block}.second`)]);
        return [step("takeFrame"), step("head", "head"), ...blocks, step("tail", "tail")];
    }

    #place({ name, shape, weights }) {
        const { engine } = this;
        const [channels, lines, columns, inputs] = shape;
        const bytes = weights.BYTES_PER_ELEMENT === SHORT ? SHORT : engine.activation;
        const lanes = WORD / bytes;
        const fields = {
            ...{ channels, lines, steps: (columns * inputs) / lanes, skip: 0 },
            weights: engine.store(arranged(weights, { channels, lines, lanes, bytes })),
            sums: engine.reserve(WORD * channels),
            times: engine.reserve(WORD * channels),
            plus: engine.reserve(WORD * channels),
        };
        return { name, at: engine.reserve(WORD * CONVOLUTION.length), fields };
    }

    #write() {
        const { engine, layers } = this;
        layers.get("tail").fields.skip = layers.get("skip").at;
        const view = new DataView(engine.memory.buffer);
        BODY.forEach((field, index) => view.setInt32(this.body + WORD * index, this.room[field], true));
        for (const { at, fields } of layers.values()) {
            CONVOLUTION.forEach((field, index) => {
                if (field === "gain") view.setFloat32(at + WORD * index, fields.gain, true);
                else view.setInt32(at + WORD * index, fields[field], true);
            });
        }
    }
}

/** Weights (out, k, k, in) as the kernels walk over them: for 16 channels at once, line by line, `lanes` inputs a step. */
function arranged(weights, { channels, lines, lanes, bytes }) {
    const made = new (bytes === SHORT ? Int16Array : Int8Array)(weights.length);
    const line = weights.length / channels / lines; // weights of a channel
    let out = 0;
    for (let group = 0; group < channels; group += TILE_CHANNELS) {
        for (let first = 0; first < lines * line; first += lanes) {
            for (let channel = group; channel < group + TILE_CHANNELS; channel += 1) {
                const at = channel * lines * line + first;
                for (let lane = 0; lane < lanes; lane += 1, out += 1) made[out] = weights[at + lane];
            }
        }
    }
    return made;
}
