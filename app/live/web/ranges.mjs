// What the tensors of a student in whole numbers hold at some dials: pipeline/student/ranges.py, which says why, in doubles.

export const FINEST = 1e-6; // the least that a range spans
const POSITIONS = 3; // of a dial, at which the ranges are known

/** {low, high} of each tensor at `setting`, of a table with `low` and `high` of every combination of positions. */
export function rangesAt({ low, high }, setting, neutral) {
    const [down, up] = [low.map((value) => -value), high].map((reach) => between(reach, setting, neutral));
    return Array.from(down, (value, index) => ({ low: -value, high: up[index] }));
}

/** How far tensors reach at `setting`, from how far they do at the positions of each dial (the first dial's outermost). */
function between(reach, setting, neutral) {
    let values = Float64Array.from(reach, (value) => Math.sqrt(Math.sqrt(Math.sqrt(Math.max(value, FINEST)))));
    setting.forEach((dial, index) => {
        const middle = neutral[index];
        const isFirst = dial < middle || middle === 1;
        const share = isFirst ? dial / middle : (dial - middle) / (1 - middle);
        const size = values.length / POSITIONS;
        const start = isFirst ? 0 : size;
        const [one, other] = [values.subarray(start, start + size), values.subarray(start + size, start + 2 * size)];
        values = one.map((value, at) => value * (1 - share) + other[at] * share);
    });
    for (let times = 0; times < 3; times += 1) values = values.map((root) => root * root);
    return values;
}
