// The students that the settings name, out of those that the page offers.

import { loadModel } from "./contract.mjs";
import { UserError } from "./messages.mjs";

const LIGHTER = 0.6; // of a student's weight: what is heavier would not be faster by enough

export class Students {
    /** @param {object} settings of the viewer, read whenever it matters: {model, compareWith} */
    constructor(settings) {
        this.settings = settings;
        this.rung = 0; // of the ladder: which of its students runs
        this.offered = []; // {name, title, contract, onnx, sha256, weight}
        this.loaded = new Map(); // by the address of the contract
    }

    /** Where those named come from: another text means other students, also where one was trained anew under its name. */
    get addresses() {
        return this.#named.map((name) => this.#offer(name)?.contract).join(" ");
    }

    /** The student that was chosen, and where there is one the lightest, to run in its place where it is too slow. */
    get ladder() {
        const [chosen, compared] = this.#chosen.map((name) => this.#offer(name));
        const lighter = this.offered
            .filter(({ weight }) => weight < LIGHTER * chosen?.weight)
            .sort((one, other) => one.weight - other.weight);
        return compared || lighter.length === 0 ? [chosen ?? {}] : [chosen, lighter[0]];
    }

    /** Those named, the one that is shown first. Throws UserError where one is missing or cannot be used. */
    load() {
        return Promise.all(this.#named.map((name) => this.#load(name)));
    }

    get #named() {
        return this.rung > 0 && this.ladder[this.rung] ? [this.ladder[this.rung].name] : this.#chosen;
    }

    get #chosen() {
        const { model, compareWith } = this.settings;
        return compareWith === "bicubic" || compareWith === model ? [model] : [model, compareWith];
    }

    #offer(wanted) {
        return this.offered.find(({ name }) => name === wanted);
    }

    async #load(name) {
        const offer = this.#offer(name);
        if (!offer) throw new UserError(`There is no student ${name ?? ""} here. Train one, or choose another one.`);
        const key = offer.contract;
        if (!this.loaded.has(key)) this.loaded.set(key, await loadModel(offer));
        return { ...this.loaded.get(key), name, title: offer.title };
    }
}
