// What is on the screen: a source, an engine, and the playback of the one through the other, as far as there are.

import { isMirrored, viewOf } from "./settings.mjs";

export class Showing {
    /**
     * @param {object} settings of the viewer, read whenever they matter
     * @param {() => boolean} isSeen whether anyone can see the picture
     * @param {object} on {drawn: a frame is on the canvas}
     */
    constructor({ settings, isSeen, on }) {
        Object.assign(this, { settings, isSeen, on, source: null, engine: null, playback: null, paused: false });
    }

    get mirrored() {
        return isMirrored(this.settings, this.source);
    }

    /** Whether frames are wanted and seen. */
    get flows() {
        return !this.paused && this.isSeen();
    }

    /** How a frame is to be drawn. */
    get view() {
        return viewOf(this.settings, this.mirrored);
    }

    /** Frames flow while they are wanted and seen. */
    flow() {
        this.playback?.flow(this.flows);
        if (this.flows) this.source?.resume();
        else this.source?.pause();
    }

    /** A picture that rests is made anew. */
    refresh() {
        if (!this.flows) this.playback?.refresh();
    }

    /** The last frame is drawn anew, as it is to be viewed now. */
    async redraw() {
        const { engine } = this;
        await engine?.redraw(this.view);
        if (engine?.last && engine === this.engine) this.on.drawn();
    }

    closeSource() {
        this.source?.stop();
        this.source = null;
    }

    closeEngine() {
        this.engine?.close();
        this.engine = null;
    }

    endPlayback() {
        this.playback?.end();
        this.playback = null;
    }
}
