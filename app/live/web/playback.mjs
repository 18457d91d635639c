// One source played through one engine: frames go round at a pace that holds.

import { AdaptiveSize, SHARES, firstShare } from "./adaptive_size.mjs";
import { FrameLoop } from "./frame_loop.mjs";

let streams = 0; // that were played on this page

export class Playback {
    /**
     * @param {object} settings of the viewer, read whenever they matter: {inputSize, targetFps, calm}
     * @param {() => object} view how a frame is to be drawn
     * @param {object} window gathers the times: see timing.mjs
     * @param {(now: number) => void} drawn a frame is on the engine's canvas
     * @param {(error: Error) => void} failed is told why no more frames come; not of the end that was asked for
     */
    constructor({ source, engine, settings, view, window, drawn, failed }) {
        Object.assign(this, { source, engine, settings, view, window, drawn, ended: false });
        streams += 1;
        this.stream = streams; // what its frames have in common
        const work = (frame) => this.#show(frame);
        this.loop = new FrameLoop({ source, work, failed: (error) => this.ended || failed(error) });
        this.newPace();
    }

    /** How large the student's input is at first, from now on. */
    newPace() {
        const { inputSize, targetFps } = this.settings;
        const share = inputSize === "auto" ? firstShare(this.engine.fullMs, targetFps) : Number(inputSize);
        this.size = new AdaptiveSize({ targetFps, share: SHARES.includes(share) ? share : 1, now: performance.now() });
        this.window.clear();
    }

    /** Show the source's frames as they come, or none. */
    flow(flows) {
        if (flows) this.loop.start();
        else this.loop.stop();
        if (!flows) this.window.clear();
    }

    /** Show one frame of a source that rests. */
    refresh() {
        this.loop.push(1);
    }

    end() {
        this.ended = true;
        this.loop.stop();
    }

    /** Which frames are fused with each other, and how much; a photograph is one frame. */
    get #calm() {
        return { stream: this.stream, strength: this.source.still ? 0 : Number(this.settings.calm) };
    }

    async #show(frame) {
        const started = performance.now();
        const { share } = this.size;
        try {
            const done = await this.engine.call("frame", { frame, share, view: this.view(), calm: this.#calm }, [frame]);
            if (this.ended) return;
            const now = performance.now();
            this.engine.last = done;
            this.window.add({ now, total: now - started, parts: done.parts, dropped: this.loop.dropped });
            if (this.settings.inputSize === "auto") this.#adapt(now - started, now);
            this.drawn(now);
        } finally {
            frame.close(); // where it was not given away
        }
    }

    #adapt(ms, now) {
        const before = this.size.share;
        if (this.size.add(ms, now) !== before) this.window.clear();
    }
}
