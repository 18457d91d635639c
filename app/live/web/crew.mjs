// Threads that compute a frame together: the kernels of layers.ts, one after the other, each by handfuls of rows.
//
// All share one memory. Whoever is free takes the next handful, so that nobody waits for a thread that was not given its
// core; a kernel begins when the one before it is done. In whole numbers it does not matter who computed what.

import { UserError } from "./messages.mjs";

const [TICKET, NEXT, DONE, HANDFULS] = [0, 1, 2, 3]; // words of the board, where threads meet
const PROGRAM = 16; // word at which the steps begin
const [END, KERNEL, BODY, LAYER, HEIGHT, FIELDS] = [0, 1, 2, 3, 4, 5]; // words of a step; it ends before that handful
const ROWS = 4; // of a handful
const MANY = 2 ** 16; // more handfuls than a frame has
const TICKETS = 2 ** 15 - 1; // are told apart
const SPINS = 5000; // looks before a thread sleeps: to be woken takes longer than most waits
const PATIENCE_MS = 5000; // with a thread that does not come back
const KERNELS = ["takeFrame", "head", "first", "second", "tail", "enlarge"];
const BOARD_BYTES = 4096;
export const WIDEST = 8192; // pixels of a frame that is enlarged
const TILES_BYTES = 512; // of a thread: the sums of two tiles
const SCRATCH_BYTES = TILES_BYTES + 16 * WIDEST; // and a row of pixels as floats

/** What a crew of so many threads needs at the beginning of the memory. */
export function crewBytes(threads) {
    return BOARD_BYTES + SCRATCH_BYTES * threads;
}

/** One of the threads. */
export class Thread {
    constructor({ module, memory, index }) {
        const { exports } = new WebAssembly.Instance(module, { env: { memory } });
        this.kernels = KERNELS.map((name) => exports[name]);
        this.memory = memory;
        this.scratch = BOARD_BYTES + SCRATCH_BYTES * index;
    }

    /** Where threads meet; memory that is not shared moves when it grows. */
    get board() {
        return new Int32Array(this.memory.buffer, 0, BOARD_BYTES / 4);
    }

    /** Take handfuls of the frame with that ticket until none is left. Throws UserError where another thread is lost. */
    work(ticket) {
        const { board } = this;
        for (;;) {
            const next = Atomics.load(board, NEXT);
            const handful = next % MANY;
            if (Math.floor(next / MANY) !== ticket || handful >= board[HANDFULS]) return;
            if (Atomics.compareExchange(board, NEXT, next, next + 1) === next) this.#compute(handful, board);
        }
    }

    /** Help with every frame that comes, for good. */
    help() {
        const { board } = this;
        for (let ticket = 0; ; ticket = Atomics.load(board, TICKET)) {
            if (ticket > 0) this.work(ticket);
            Atomics.wait(board, TICKET, ticket);
        }
    }

    /** Wait until so many handfuls are done. */
    waitFor(count, board) {
        for (let spin = 0; spin < SPINS; spin += 1) if (Atomics.load(board, DONE) >= count) return;
        for (;;) {
            const done = Atomics.load(board, DONE);
            if (done >= count) return;
            if (Atomics.wait(board, DONE, done, PATIENCE_MS) === "timed-out" && Atomics.load(board, DONE) === done) {
                throw new UserError("A thread of the page's own engine stopped.");
            }
        }
    }

    #compute(handful, board) {
        let step = PROGRAM;
        while (board[step + END] <= handful) step += FIELDS;
        const begin = step === PROGRAM ? 0 : board[step - FIELDS + END];
        this.waitFor(begin, board);
        const from = ROWS * (handful - begin);
        const to = Math.min(from + ROWS, board[step + HEIGHT]);
        this.kernels[board[step + KERNEL]](board[step + BODY], board[step + LAYER], this.scratch, from, to);
        if (Atomics.add(board, DONE, 1) + 1 === board[step + END]) Atomics.notify(board, DONE);
    }
}

/** The thread that has the frames, and its helpers. */
export class Crew {
    /**
     * @param {WebAssembly.Module} module
     * @param {WebAssembly.Memory} memory shared where there are helpers; its beginning, as `crewBytes` says, is the crew's
     * @param {number} threads
     * @param {(thread: object) => Promise<{terminate: Function}>} startHelper rejects, or starts `new Thread(thread).help()` elsewhere
     */
    static async open({ module, memory, threads, startHelper }) {
        const starting = Array.from({ length: threads - 1 }, (_, index) => startHelper({ module, memory, index: index + 1 }));
        const helpers = await Promise.allSettled(starting);
        const crew = new Crew(
            new Thread({ module, memory, index: 0 }),
            helpers.flatMap(({ value }) => value ?? []),
        );
        const refused = helpers.find(({ status }) => status === "rejected");
        if (!refused) return crew;
        crew.close();
        throw refused.reason;
    }

    constructor(thread, helpers) {
        Object.assign(this, { thread, helpers, ticket: 0 });
    }

    get threads() {
        return 1 + this.helpers.length;
    }

    /** Run steps {kernel, body, layer, height}, one after the other. Throws UserError where a helper is lost. */
    run(steps) {
        const { board } = this.thread;
        let handfuls = 0;
        steps.forEach(({ kernel, body, layer, height }, index) => {
            handfuls += Math.ceil(height / ROWS);
            board.set([handfuls, KERNELS.indexOf(kernel), body, layer, height], PROGRAM + FIELDS * index);
        });
        board[HANDFULS] = handfuls;
        this.ticket = (this.ticket % TICKETS) + 1;
        Atomics.store(board, DONE, 0);
        Atomics.store(board, NEXT, this.ticket * MANY);
        Atomics.store(board, TICKET, this.ticket);
        Atomics.notify(board, TICKET);
        this.thread.work(this.ticket);
        this.thread.waitFor(handfuls, board);
    }

    close() {
        for (const helper of this.helpers) helper.terminate();
    }
}
