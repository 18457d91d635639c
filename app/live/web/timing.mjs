// How fast it is: figures over the last seconds, never since the start.

export const PARTS = ["capture", "before", "run", "after", "draw"];

/** The frames of the last `span` milliseconds. */
export class Window {
    constructor(span = 3000) {
        this.span = span;
        this.frames = [];
        this.dropped = 0;
    }

    /** A frame was done at `now`, after `total` ms; `parts` in ms; `dropped` so far, however long ago. */
    add({ now, total, parts, dropped = 0 }) {
        this.dropped = dropped;
        this.frames.push({ now, total, parts });
        this.#forget(now);
    }

    clear() {
        this.frames = [];
    }

    /** {fps, p50_ms, p95_ms, parts, dropped} at `now`; nulls before there is anything to say. */
    summary(now) {
        this.#forget(now);
        const totals = this.frames.map((frame) => frame.total);
        const timesOf = (part) => this.frames.map(({ parts }) => parts[part]);
        const parts = Object.fromEntries(PARTS.map((part) => [part, quantile(timesOf(part), 0.5)]));
        return { fps: this.#fps(), p50_ms: quantile(totals, 0.5), p95_ms: quantile(totals, 0.95), parts, dropped: this.dropped };
    }

    #fps() {
        if (this.frames.length < 2) return null;
        const spent = this.frames.at(-1).now - this.frames[0].now;
        return spent > 0 ? (1000 * (this.frames.length - 1)) / spent : null;
    }

    #forget(now) {
        const kept = this.frames.findIndex((frame) => frame.now > now - this.span);
        this.frames.splice(0, kept < 0 ? this.frames.length : kept);
    }
}

/** The quantile of a list of numbers (nearest rank), or null of none. */
export function quantile(values, share) {
    if (values.length === 0) return null;
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
