// One source played through one engine: frames go round at a pace that holds.

import { FrameLoop } from "./frame_loop.mjs";

let streams = 0; // that were played on this page

export class Playback {
    /**
     * @param {object} settings of the viewer, read whenever they matter: {calm}
     * @param {object} pace see pace.mjs
     * @param {() => object} view how a frame is to be drawn
     * @param {object} window gathers the times: see timing.mjs
     * @param {(now: number) => void} drawn a frame is on the engine's canvas
     * @param {() => void} stepped the pace has another step
     * @param {(error: Error) => void} failed is told why no more frames come; not of the end that was asked for
     */
    constructor({ source, engine, settings, pace, view, window, drawn, stepped, failed }) {
        Object.assign(this, { source, engine, settings, pace, view, window, drawn, stepped, ended: false });
        streams += 1;
        this.stream = streams; // what its frames have in common
        const work = (frame) => this.#show(frame);
        this.loop = new FrameLoop({ source, work, failed: (error) => this.ended || failed(error) });
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
        const { share } = this.pace.step;
        try {
            const done = await this.engine.call("frame", { frame, share, view: this.view(), calm: this.#calm }, [frame]);
            if (this.ended) return;
            const now = performance.now();
            this.engine.last = done;
            this.window.add({ now, total: now - started, parts: done.parts, dropped: this.loop.dropped });
            this.#adapt(now - started, now);
            this.drawn(now);
        } finally {
            frame.close(); // where it was not given away
        }
    }

    #adapt(ms, now) {
        const before = this.pace.step;
        if (this.pace.add(ms, now) === before) return;
        this.window.clear();
        this.stepped();
    }
}
