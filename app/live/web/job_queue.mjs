// Jobs that wait for each other, as opening a camera and opening an engine do.

export class JobQueue {
    /**
     * @param {(busy: boolean) => void} busy is told when a job begins and ends
     * @param {(error: Error) => void} failed is told what went wrong, but not of what was dropped
     */
    constructor({ busy, failed }) {
        Object.assign(this, { busy, failed, work: Promise.resolve(), until: new AbortController() });
    }

    /** One thing at a time, in the order that it was asked for. `job` is given a signal: aborted once it is dropped. Resolves
     * when it is over, whatever became of it. */
    add(job) {
        const { signal } = this.until;
        this.work = this.work.then(async () => {
            if (signal.aborted) return;
            this.busy(true);
            try {
                await job(signal);
            } catch (error) {
                if (!signal.aborted) this.failed(error);
            } finally {
                this.busy(false);
            }
        });
        return this.work;
    }

    /** Drop the job that runs and those that wait. */
    drop() {
        this.close();
        this.until = new AbortController();
    }

    /** Drop them, and whatever comes from now on. */
    close() {
        this.until.abort();
    }
}
