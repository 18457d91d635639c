// The plain form of a contract's estimator, which plain_estimator.mjs computes.

import { DIALS } from "./dials.mjs";
import { UserError } from "./messages.mjs";

const DEFINITION = 1; // of what is computed
const KERNELS = [5, 3, 3, 3, 3, 1, 1];
export const STRIDES = [2, 2, 1, 2, 1]; // of the convolutions in front of the last two: those of the values and of the weights
export const READ = 6; // channels of what the network reads of a window: colours, and how they differ from their neighbours'
export const GROUP = 8; // channels that the kernel writes at once
export const BYTES = { float16: 2, float32: 4 };

/**
 * The plain form of a contract's estimator: {layers, known}; null where it has none of this definition.
 *
 * @throws {UserError} naming what is not valid
 */
export function readPlain(plain, title) {
    if (plain?.definition !== DEFINITION) return null;
    const { layers, known } = plain;
    const check = (right, problem) => {
        if (!right) {
            throw new UserError(`The estimator in the contract of ${title} is not valid (${problem}). Export the student again.`);
        }
    };
    check(Array.isArray(layers) && layers.length === KERNELS.length, `its layers must be ${KERNELS.length}`);
    layers.forEach((layer, index) => {
        const { weights, bias } = layer ?? {};
        const [out, inputs, ...kernel] = weights?.shape ?? [];
        const isLast = index >= STRIDES.length;
        const before = index === 0 ? READ : layers[Math.min(index, STRIDES.length) - 1].weights.shape[0];
        const fits = inputs === before && (isLast ? out === DIALS.length : out > 0 && out % GROUP === 0);
        check(fits && String(kernel) === String([KERNELS[index], KERNELS[index]]), `layer ${index} has another shape`);
        const isPlace = (offset) => Number.isInteger(offset) && offset >= 0;
        check(isPlace(weights.offset) && isPlace(bias) && weights.type in BYTES, `layer ${index} has no place in the file`);
    });
    const isReading = (numbers) => Array.isArray(numbers) && numbers.length === DIALS.length && numbers.every(Number.isFinite);
    check(isReading(known?.values) && isReading(known?.weights), "known must hold values and weights");
    return { layers, known };
}
