// Students in whole numbers on our own engine: several times as fast as ONNX Runtime, and a hundredth of its size.

import { IntegerEngine } from "./integer_engine.mjs";
import { UserError, firstLine, wrong } from "./messages.mjs";
import { blendPicture, copy } from "./pixels.mjs";
import { Processor, possibleThreads } from "./processor.mjs";
import { answersRightly, fastestTier, usableTiers } from "./tiers.mjs";
import { WebForm } from "./web_form.mjs";

export class IntegersBackend extends Processor {
    static async open({ layers, ort, threads, canvas }) {
        return new IntegersBackend({ layers, ort, threads: possibleThreads(threads) }, canvas);
    }

    constructor(about, canvas) {
        super(canvas);
        Object.assign(this, about, { name: "WASM", engine: null, isApart: true, note: null });
    }

    /** ONNX Runtime for the estimator, on one thread, fetched when it is first asked for: frames flow meanwhile. */
    runtime() {
        this.loading ??= import("./wasm.mjs").then(({ loadRuntime }) => loadRuntime(this.ort, 1));
        return this.loading;
    }

    /** Take a student in. The first one decides how is multiplied. Throws UserError where it cannot be trusted here. */
    async load({ title, contract, bytes }) {
        const form = new WebForm({ title, contract, bytes });
        if (!this.engine) await this.#start({ form, title, contract });
        return { title, contract, network: this.engine.add(form) };
    }

    /** With threads where they are to be had: a browser may refuse the memory that they share, or to start them. */
    async #start(about) {
        if (!self.crossOriginIsolated) return this.#open(about, false);
        try {
            await this.#open(about, true);
        } catch (error) {
            this.threads = 1;
            await this.#open(about, false);
            this.note = `Threads do not start here (${firstLine(error)}), so there is one.`;
        }
    }

    async #open(about, shared) {
        const { layers, threads } = this;
        const tier = await fastestTier(await usableTiers(layers, shared), { ...about, shared });
        this.engine = await IntegerEngine.open({ ...tier, threads, shared, startHelper });
        this.name = `WASM ${tier.name}`;
    }

    /** Hold a student to its known answers, now with all threads. */
    async check({ title, contract, network }) {
        if (!answersRightly(this.engine, network, contract)) throw wrong(this.name, title, "answer");
    }

    async turn({ network, contract }, setting) {
        if (contract.dials) network.set(setting);
    }

    async guard() {} // whole numbers are what they are

    fit(size, geometry) {
        super.fit(size, geometry);
        this.engine.fit(this.input.width, this.input.height);
        this.enlarges = this.engine.fitEnlarging(size, this.toTarget, this.target);
    }

    bicubic(into, part) {
        if (this.enlarges) copy(this.engine.enlarge(this.raw.data, part), { x: 0, y: 0 }, into, part);
        else super.bicubic(into, part);
    }

    async run(students) {
        const networks = students.map(({ network }) => network);
        return this.engine.run(this.given.data, networks).map((picture) => new Levels(picture));
    }
}

/** An answer as it leaves the engine: a picture. */
class Levels {
    constructor(picture) {
        this.picture = picture;
    }

    paint(into, part) {
        copy(this.picture, { x: 0, y: 0 }, into, part);
    }

    blend(into, part, strength) {
        blendPicture(this.picture, into, part, strength);
    }
}

/** Another thread of the engine: see helper.mjs. */
function startHelper(thread) {
    const worker = new Worker(new URL("helper.mjs", import.meta.url), { type: "module" });
    return new Promise((resolve, reject) => {
        worker.onmessage = () => resolve(worker);
        worker.onerror = () => reject(new UserError("a worker was refused"));
        worker.postMessage(thread);
    });
}
