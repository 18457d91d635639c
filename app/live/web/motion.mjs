// What moved from one frame of a stream to the next, and what is only noise: of each block of 4x4 pixels. The numbers of
// pipeline/student/motion.py, which says why; where they are no integers, by the same operations in the same order.

import { BIN_BITS, FINE, HARSHEST, Noise } from "./noise.mjs";
import { explainedShare, ONE, percent, ramp } from "./shares.mjs";

export const BLOCK = 4; // pixels of a side

const PIXELS = BLOCK * BLOCK;
const CELLS = 4; // of a side of the frame, for what the camera itself does
const [CUT, CUT_SUM] = [4, 2 * PIXELS]; // times the noise, and that much more: half of the picture changed so much
const NOISIEST = 20 * PIXELS; // where the noise is not known

const [NOISY, NOISY_SURELY] = [150, 220]; // per cent of the noise: change from where on something moved, and surely
const [ONE_SIGN, ONE_SIGN_SURELY] = [70, 115]; // the same for change of one sign
const [COLOURED, COLOURED_SURELY] = [200, 350]; // the same for change of colour
const FAINT = 24 * FINE; // change of colour of a row that never counts for noise
const [SHIFT, SHIFT_SURELY] = [0.25, 0.48]; // the same for the share of the change that a shift explains
const SHIFT_NOT = 0.2; // less than SHIFT, however last bits are rounded: what explains no more need not be divided
const SHIFT_LEAST = 15; // per cent of the noise that change of one sign has, for a shift to count
const [CAMERA, CAMERA_SURELY] = [0.03, 0.08]; // share that a shift of a cell explains, in all but a quarter of the cells
const REACH = 3; // blocks to each side, of the windows in which shifts are looked for
const WINDOW = 2 * REACH + 1;

const SUMS = 9; // of slopes across (x) and down (y) and of change (d): xx, xy, yy, xd, yd, dd, x, y, d

/**
 * The blocks of a stream's frames. Whoever has a new frame fills, an Int16Array each, `before` with sums of luma of the picture so far,
 * `signed` with those of the change since (a row of zeros lies behind), `size` with those of its absolute values, and `colour` with
 * how far the colours of one row of each changed.
 */
export class Motion {
    /** `dial` is what the noise is taken for as long as no frames have told. */
    constructor({ columns, rows, before, signed, size, colour }, dial) {
        const blocks = columns * rows;
        Object.assign(this, { columns, rows, blocks, before, signed, size, colour });
        this.moved = new Int32Array(blocks); // what `find` found: how surely each block moved, 0..ONE
        this.rests = new Uint8Array(blocks); // whether nothing but the size of its change speaks for a block's movement
        this.noise = new Noise(dial, blocks);
        this.across = new Int16Array(blocks + columns); // the picture's slope at each block, and a row of zeros
        this.down = new Int16Array(blocks + columns);
        // Sums over three blocks of a column.
        [this.tallSize, this.tallSign, this.tallColour] = [0, 1, 2].map(() => new Int32Array(columns + 2));
        this.lines = new Float64Array(SUMS * (columns + 1)); // sums over a window's rows of each column, and zeros
    }

    /** Whether half of the blocks changed by far more than noise: another scene, or other light. */
    isCut() {
        const { size, blocks, noise } = this;
        const most = CUT * Math.floor(Math.max(...noise.curve) / FINE) + CUT_SUM;
        const limit = noise.known ? most : Math.max(most, NOISIEST);
        let within = 0;
        for (let i = 0; i < blocks; i += 1) if (size[i] <= limit) within += 1;
        return within <= blocks >> 1;
    }

    /** Find of each block how surely it moved; the noise is learned where the camera stands. */
    find() {
        this.#findSlopes();
        const camera = ramp(this.#ofCamera(), CAMERA, CAMERA_SURELY);
        this.moved.fill(camera);
        if (camera === 0) this.noise.learnCurve(this);
        if (camera < ONE) this.#findMoved();
        if (camera === 0) this.noise.learnUsual(this);
    }

    /** Central differences; none at the border. */
    #findSlopes() {
        const { before, across, down, columns, rows, blocks } = this;
        for (let i = columns; i < blocks - columns; i += 1) down[i] = before[i + columns] - before[i - columns];
        for (let row = 0; row < rows; row += 1) {
            for (let i = row * columns + 1; i < (row + 1) * columns - 1; i += 1) across[i] = before[i + 1] - before[i - 1];
        }
    }

    /** What shifts of the cells of the frame explain of their change: all but a quarter have so much. */
    #ofCamera() {
        const edges = (side) => Array.from({ length: CELLS + 1 }, (_, each) => Math.floor((side * each) / CELLS));
        const [tops, lefts] = [edges(this.rows), edges(this.columns)];
        const shares = new Float64Array(CELLS * CELLS);
        for (let cell = 0; cell < shares.length; cell += 1) {
            const [row, column] = [Math.floor(cell / CELLS), cell % CELLS];
            shares[cell] = this.#shareOfCell(tops[row], tops[row + 1], lefts[column], lefts[column + 1]);
        }
        return shares.sort()[CELLS];
    }

    #shareOfCell(top, bottom, left, right) {
        const { across, down, signed, columns } = this;
        // prettier-ignore
        let xx = 0, xy = 0, yy = 0, xd = 0, yd = 0, dd = 0, xs = 0, ys = 0, ds = 0;
        for (let row = top; row < bottom; row += 1) {
            for (let i = row * columns + left; i < row * columns + right; i += 1) {
                const x = across[i];
                const y = down[i];
                const d = signed[i];
                xx += Math.imul(x, x);
                xy += Math.imul(x, y);
                yy += Math.imul(y, y);
                xd += Math.imul(x, d);
                yd += Math.imul(y, d);
                dd += Math.imul(d, d);
                xs += x;
                ys += y;
                ds += d;
            }
        }
        return explainedShare(xx, xy, yy, xd, yd, dd, xs, ys, ds, (bottom - top) * (right - left), 0);
    }

    #findMoved() {
        this.lines.fill(0);
        for (let row = -WINDOW; row < this.rows; row += 1) {
            this.#slideDown(this.#within(row + REACH), row < 0 ? this.rows : this.#within(row - REACH - 1));
            if (row >= 0) this.#findInRow(row);
        }
    }

    #within(row) {
        return Math.min(Math.max(row, 0), this.rows - 1);
    }

    /** The window of each column takes in one row of blocks and leaves another one. */
    #slideDown(entering, leaving) {
        const { across, down, signed, columns, lines } = this;
        let [i, j] = [entering * columns, leaving * columns];
        for (let at = 0; at < SUMS * columns; at += SUMS, i += 1, j += 1) {
            const [x, y, d, u, v, e] = [across[i], down[i], signed[i], across[j], down[j], signed[j]];
            lines[at] += Math.imul(x, x) - Math.imul(u, u);
            lines[at + 1] += Math.imul(x, y) - Math.imul(u, v);
            lines[at + 2] += Math.imul(y, y) - Math.imul(v, v);
            lines[at + 3] += Math.imul(x, d) - Math.imul(u, e);
            lines[at + 4] += Math.imul(y, d) - Math.imul(v, e);
            lines[at + 5] += Math.imul(d, d) - Math.imul(e, e);
            lines[at + 6] += x - u;
            lines[at + 7] += y - v;
            lines[at + 8] += d - e;
        }
    }

    /** Look at a row of blocks, the lines as they are now. */
    #findInRow(row) {
        const { lines, tallSize, tallSign, tallColour, before, rests, columns } = this;
        const { usual, curve } = this.noise;
        this.#sumTall(row);
        // prettier-ignore
        let xx = 0, xy = 0, yy = 0, xd = 0, yd = 0, dd = 0, xs = 0, ys = 0, ds = 0;
        for (let column = -WINDOW, i = row * columns - WINDOW; column < columns; column += 1, i += 1) {
            const into = SUMS * Math.min(Math.max(column + REACH, 0), columns - 1);
            const out = SUMS * (column < 0 ? columns : Math.max(column - REACH - 1, 0));
            xx += lines[into] - lines[out];
            xy += lines[into + 1] - lines[out + 1];
            yy += lines[into + 2] - lines[out + 2];
            xd += lines[into + 3] - lines[out + 3];
            yd += lines[into + 4] - lines[out + 4];
            dd += lines[into + 5] - lines[out + 5];
            xs += lines[into + 6] - lines[out + 6];
            ys += lines[into + 7] - lines[out + 7];
            ds += lines[into + 8] - lines[out + 8];
            if (column < 0) continue;
            const size = FINE * (tallSize[column] + tallSize[column + 1] + tallSize[column + 2]);
            const sign = FINE * (tallSign[column] + tallSign[column + 1] + tallSign[column + 2]);
            const expected = curve[before[i] >> BIN_BITS];
            const noise = Math.min(Math.max(usual[i], expected), HARSHEST * expected);
            const colour = FINE * (tallColour[column] + tallColour[column + 1] + tallColour[column + 2]);
            let certain = percent(sign, noise, ONE_SIGN, ONE_SIGN_SURELY);
            certain = Math.max(certain, percent(colour, Math.max(noise, FAINT), COLOURED, COLOURED_SURELY));
            const most = percent(size, noise, NOISY, NOISY_SURELY);
            if ((certain === 0 || (certain < ONE && most < ONE)) && sign * 100 > SHIFT_LEAST * 9 * expected) {
                const share = explainedShare(xx, xy, yy, xd, yd, dd, xs, ys, ds, WINDOW * WINDOW, SHIFT_NOT);
                certain = Math.max(certain, ramp(share, SHIFT, SHIFT_SURELY));
            }
            rests[i] = certain === 0 ? 1 : 0;
            if (most > 0 || certain > 0) this.#widen(row, column, Math.max(most, certain));
        }
    }

    /** Sums of change over the row and its neighbours, the border repeated. */
    #sumTall(row) {
        const { tallSize, tallSign, tallColour, size, signed, colour, columns } = this;
        const [above, here, below] = [-1, 0, 1].map((step) => this.#within(row + step) * columns);
        for (let i = 0; i < columns; i += 1) {
            tallSize[i + 1] = size[above + i] + size[here + i] + size[below + i];
            tallColour[i + 1] = colour[above + i] + colour[here + i] + colour[below + i];
            tallSign[i + 1] = Math.abs(signed[above + i]) + Math.abs(signed[here + i]) + Math.abs(signed[below + i]);
        }
        for (const tall of [tallSize, tallSign, tallColour]) [tall[0], tall[columns + 1]] = [tall[1], tall[columns]];
    }

    /** The edges of what moves belong to it. */
    #widen(row, column, value) {
        const { moved, columns, rows } = this;
        const [left, right] = [Math.max(column - 1, 0), Math.min(column + 1, columns - 1)];
        for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, rows - 1); y += 1) {
            for (let i = y * columns + left; i <= y * columns + right; i += 1) if (moved[i] < value) moved[i] = value;
        }
    }
}
