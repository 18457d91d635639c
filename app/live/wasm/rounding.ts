// Rounding as web_form.py does it.

/** The nearest whole numbers, halves to even, within `low` to `high` (at most 2^21 from 0). */
@inline
export function nearest(values: v128, low: f32, high: f32): v128 {
    const within = f32x4.pmin(f32x4.splat(high), f32x4.pmax(f32x4.splat(low), values));
    return i32x4.sub(f32x4.add(within, f32x4.splat(12582912)), i32x4.splat(0x4b400000)); // 1.5 * 2^23: no fraction is left
}
