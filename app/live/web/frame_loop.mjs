// One frame in flight, and the newest wins: nothing queues up, so nothing is ever late by more than one frame's time.

/** Takes frames from a source as fast as `work` finishes them. */
export class FrameLoop {
    /**
     * @param {{onframe: Function, grab: () => Promise<object>}} source calls `onframe(count)` for new frames
     * @param {(frame: object) => Promise<void>} work owns the frame it is given
     * @param {(error: Error) => void} failed is told why the loop stopped
     */
    constructor({ source, work, failed }) {
        Object.assign(this, { source, work, failed });
        this.dropped = 0;
        this.fresh = 0; // frames that came since one was taken
        this.busy = false;
    }

    start() {
        this.source.onframe = (count) => this.push(count);
    }

    /** There are `count` frames more, also of a source that rests. */
    push(count) {
        this.fresh += count;
        this.#go();
    }

    stop() {
        this.fresh = 0;
        this.source.onframe = () => {};
    }

    async #go() {
        if (this.busy) return;
        this.busy = true;
        try {
            while (this.fresh > 0) {
                this.dropped += this.fresh - 1;
                this.fresh = 0;
                await this.work(await this.source.grab());
            }
        } catch (error) {
            this.stop();
            this.failed(error);
        } finally {
            this.busy = false;
        }
    }
}
