// The page's side of a worker: one engine with its canvas, and the choice between engines.

import { UserError, sentence } from "./messages.mjs";

const MEASURED_RUNS = 3; // where there is a choice
const CLOSED = "The engine was closed.";

/** A worker with a canvas of its own (a canvas can be given away only once), opened and held to its known answers. */
export class Engine {
    /** Throws UserError where the engine cannot run the models, or runs them wrongly. Tests bring parts of their own. */
    static async open({ engine, models, base, automatic, threads, ...parts }) {
        const worker = parts.worker ?? new Worker(new URL("worker.mjs", base.web), { type: "module" });
        const opened = new Engine(worker, parts.canvas ?? document.createElement("canvas"));
        const canvas = opened.canvas.transferControlToOffscreen();
        try {
            const { ort, engine: layers } = base;
            const about = await opened.call("open", { engine, models, automatic, threads, canvas, ort, layers }, [canvas]);
            return Object.assign(opened, { engine, ...about });
        } catch (error) {
            opened.close();
            throw error;
        }
    }

    constructor(worker, canvas) {
        Object.assign(this, { worker, canvas });
        this.last = null; // what is said of the frame on the canvas
        this.waiting = new Map();
        this.calls = 0;
        this.closed = false;
        this.onlost = () => {};
        worker.onmessage = ({ data }) => this.#answer(data);
        worker.onerror = (event) => this.#fail(`The engine's worker stopped (${event.message ?? "it could not be loaded"}).`);
    }

    /** What the worker answers to a call of its own. Throws UserError with its sentence. */
    call(name, args = {}, transfer = []) {
        this.calls += 1;
        const id = this.calls;
        return new Promise((resolve, reject) => {
            if (this.closed) throw new UserError(CLOSED);
            this.waiting.set(id, { resolve, reject });
            this.worker.postMessage({ id, call: name, args }, transfer);
        });
    }

    /** Draw the last frame anew, as `view` says; what is wrong the next frame says. */
    async redraw(view) {
        if (this.last) await this.call("redraw", { view }).catch(() => {});
    }

    close() {
        this.onlost = () => {};
        this.closed = true;
        this.worker.terminate();
        this.#reject(CLOSED);
    }

    #answer({ id, value, error, lost }) {
        if (lost) {
            this.#fail(lost);
            return;
        }
        const call = this.waiting.get(id);
        this.waiting.delete(id);
        // none waits for what failed already
        if (error) call?.reject(new UserError(error));
        else call?.resolve(value);
    }

    #fail(reason) {
        this.#reject(reason);
        this.onlost(reason);
    }

    #reject(reason) {
        for (const { reject } of this.waiting.values()) reject(new UserError(reason));
        this.waiting.clear();
    }
}

/**
 * Open the first of these `engines`, or of all that come into question, that does by the viewer's `settings`.
 *
 * @returns {Promise<{engine: object, others: string[], refused: string[]}>} `others`: to fall back to; else see `choose`
 */
export async function openFirst({ engines, models, settings, runtime, openEngine }) {
    const names = engines ?? candidates(settings.engine, models, runtime);
    const automatic = settings.engine === "auto";
    const open = (engine) => openEngine({ engine, models, automatic });
    const enoughMs = automatic ? 1000 / settings.targetFps : Infinity; // what is asked for by name need not be fast
    const { engine, refused } = await choose({ names, open, enoughMs });
    return { engine, others: names.slice(names.indexOf(engine.engine) + 1), refused };
}

/**
 * The engines to try for these models, the most promising first. "integers" is our own in WebAssembly, for students in
 * their web form; "wasm" is ONNX Runtime, for all of them; a page without its `runtime` has neither that nor WebGPU.
 */
export function candidates(wanted, models, runtime = true) {
    if (!runtime) return ["integers"];
    const processor = models.every(({ contract }) => contract.web) ? ["integers", "wasm"] : ["wasm"];
    return wanted === "wasm" ? [...processor, "webgpu"] : ["webgpu", ...processor];
}

/**
 * The first engine that can be trusted and needs no more than `enoughMs` a frame; where none does, the fastest of those
 * that can be trusted. ONNX Runtime's megabytes are not even fetched where our own engine runs.
 *
 * @returns {Promise<{engine: object, refused: string[]}>} the engine with its `fullMs`; sentences on those left out
 * @throws {UserError} where none can be trusted
 */
export async function choose({ names, open, enoughMs }) {
    let best = null;
    const refused = [];
    let own = false; // whether ours runs
    for (const name of names) {
        if (own && name === "wasm") continue;
        const engine = await measured(name, open, refused, enoughMs < Infinity ? MEASURED_RUNS : 1);
        if (!engine) continue;
        own ||= name === "integers";
        const better = !best || engine.fullMs < best.fullMs;
        (better ? best : engine)?.close();
        best = better ? engine : best;
        if (best.fullMs <= enoughMs) break;
    }
    if (!best) throw new UserError([...new Set(refused)].join(" "));
    return { engine: best, refused };
}

async function measured(name, open, refused, runs) {
    let engine = null;
    try {
        engine = await open(name);
        engine.fullMs = await engine.call("measure", { share: 1, runs });
        return engine;
    } catch (error) {
        engine?.close();
        refused.push(sentence(error));
        return null;
    }
}
