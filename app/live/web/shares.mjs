// Shares of a whole as Python has them (pipeline/student/motion.py): the same operations in the same order.

export const ONE = 256; // a share of 1

const TINY = 16; // added to each variance, so that nothing explains nothing

/**
 * Of the variance of the change over `count` blocks, the share that a least-squares shift explains, by sums of their
 * slopes and changes; 0 where that is surely no more than `least`.
 */
export function explainedShare(xx, xy, yy, xd, yd, dd, x, y, d, count, least) {
    const tiny = TINY * count * count;
    const a = count * xx - x * x + tiny;
    const b = count * xy - x * y;
    const c = count * yy - y * y + tiny;
    const p = count * xd - x * d;
    const q = count * yd - y * d;
    const variance = count * dd - d * d + tiny;
    const determinant = a * c - b * b;
    const explained = c * p * p - 2 * b * p * q + a * q * q;
    return explained <= least * determinant * variance ? 0 : explained / determinant / variance;
}

/** 0..ONE from `low` to `high` of what a sum over 3x3 blocks is in per cent of `noise`. */
export function percent(nine, noise, low, high) {
    const over = Math.floor((100 * nine) / (9 * noise)) - low;
    return over <= 0 ? 0 : Math.min(Math.floor((over * ONE) / (high - low)), ONE);
}

/** 0..ONE from `low` to `high`. */
export function ramp(share, low, high) {
    return Math.min(Math.max(Math.floor(((share - low) / (high - low)) * ONE), 0), ONE);
}
