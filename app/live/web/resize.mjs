// Resizing a picture, bit for bit as OpenCV does it: see geometry.mjs for the plan. Loops without DOM and without ONNX Runtime.

/** Columns `from`..`to` of `source` resized by `plan` (see geometry.resizing), at column `at` of `into`. */
export function resize(source, plan, into, { from, to, at }) {
    const { columns, rows, bias } = plan;
    const line = new Float32Array(3 * source.width);
    const [first, last] = span(columns, from, to);
    const mixRows = rows.count === CUBIC ? mixFourRows : mixAllRows;
    const mixColumns = columns.moves ? mixFourColumns : mixAllColumns;
    for (let row = 0; row < into.height; row += 1) {
        mixRows(source, rows, row, first, last, line);
        mixColumns(line, columns, from, to, bias, into.data, 4 * (row * into.width + at));
    }
}

const CUBIC = 4; // taps of the kernel that enlarges, every frame: its loops are written out, twice as fast

/** The range of positions that outputs `from`..`to` are made of. */
export function span({ count, at }, from, to) {
    let [first, last] = [Infinity, 0];
    for (let tap = from * count; tap < to * count; tap += 1) {
        first = Math.min(first, at[tap]);
        last = Math.max(last, at[tap] + 1);
    }
    return [first, last];
}

function mixAllRows({ width, data }, { count, at, weights }, row, first, last, line) {
    line.fill(0, 3 * first, 3 * last);
    for (let tap = row * count; tap < (row + 1) * count; tap += 1) {
        const weight = weights[tap];
        let pixel = 4 * (at[tap] * width + first);
        for (let i = 3 * first; i < 3 * last; i += 3, pixel += 4) {
            line[i] += weight * data[pixel];
            line[i + 1] += weight * data[pixel + 1];
            line[i + 2] += weight * data[pixel + 2];
        }
    }
}

function mixAllColumns(line, { count, at, weights }, from, to, bias, data, start) {
    let out = start;
    for (let column = from; column < to; column += 1, out += 4) {
        let [red, green, blue] = [bias, bias, bias];
        for (let tap = column * count; tap < (column + 1) * count; tap += 1) {
            const [i, weight] = [3 * at[tap], weights[tap]];
            red += weight * line[i];
            green += weight * line[i + 1];
            blue += weight * line[i + 2];
        }
        data[out] = red; // a clamped array rounds halves to even, as OpenCV does
        data[out + 1] = green;
        data[out + 2] = blue;
        data[out + 3] = 255;
    }
}

function mixFourRows({ width, data }, { at, weights }, row, first, last, line) {
    const tap = CUBIC * row;
    const [w0, w1, w2, w3] = weights.subarray(tap, tap + CUBIC);
    let [p0, p1, p2, p3] = at.subarray(tap, tap + CUBIC).map((position) => 4 * (position * width + first));
    for (let i = 3 * first; i < 3 * last; i += 3, p0 += 4, p1 += 4, p2 += 4, p3 += 4) {
        line[i] = w0 * data[p0] + w1 * data[p1] + w2 * data[p2] + w3 * data[p3];
        line[i + 1] = w0 * data[p0 + 1] + w1 * data[p1 + 1] + w2 * data[p2 + 1] + w3 * data[p3 + 1];
        line[i + 2] = w0 * data[p0 + 2] + w1 * data[p1 + 2] + w2 * data[p2 + 2] + w3 * data[p3 + 2];
    }
}

/** As mixAllColumns, but only what a column's neighbour was not made of is read: the rest is handed on. */
function mixFourColumns(line, { at, moves, weights }, from, to, bias, data, start) {
    // numbers from the first: a list taken apart is 1.7 times as slow
    // prettier-ignore
    let red0 = 0, red1 = 0, red2 = 0, red3 = 0, green0 = 0, green1 = 0, green2 = 0, green3 = 0,
        blue0 = 0, blue1 = 0, blue2 = 0, blue3 = 0;
    let tap = CUBIC * from;
    for (let column = from, out = start; column < to; column += 1, out += 4) {
        const next = tap + CUBIC;
        for (let read = column === from ? tap : next - moves[column]; read < next; read += 1) {
            const i = 3 * at[read];
            red0 = red1;
            red1 = red2;
            red2 = red3;
            red3 = line[i];
            green0 = green1;
            green1 = green2;
            green2 = green3;
            green3 = line[i + 1];
            blue0 = blue1;
            blue1 = blue2;
            blue2 = blue3;
            blue3 = line[i + 2];
        }
        const w0 = weights[tap];
        const w1 = weights[tap + 1];
        const w2 = weights[tap + 2];
        const w3 = weights[tap + 3];
        data[out] = bias + w0 * red0 + w1 * red1 + w2 * red2 + w3 * red3;
        data[out + 1] = bias + w0 * green0 + w1 * green1 + w2 * green2 + w3 * green3;
        data[out + 2] = bias + w0 * blue0 + w1 * blue1 + w2 * blue2 + w3 * blue3;
        data[out + 3] = 255;
        tap = next;
    }
}
