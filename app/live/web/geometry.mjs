// Fitting a frame to the geometry, as pipeline/core/geometry.py does it: the crop, the resize kernels and their rounding.
// Pixels are squares: the centre of pixel i lies at i + 0.5. Tests hold every function here to Python's answers.

/** Python's and numpy's rounding: a half goes to the even neighbour. */
export function roundHalfEven(value) {
    const up = Math.floor(value + 0.5);
    return up - value === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** {width, height} that the student reads, pixels. */
export function studentInput({ width, height, scale }) {
    return { width: width / scale, height: height / scale };
}

/** The geometry with a student's input of `share` of its sides, rounded to what the network takes. */
export function stepped(geometry, share, multiple) {
    const side = (length) => Math.max(1, Math.round((length / geometry.scale / multiple) * share)) * multiple;
    return { ...geometry, width: side(geometry.width) * geometry.scale, height: side(geometry.height) * geometry.scale };
}

/** The geometry for frames of a size that keep their own shape: nothing is cut, and no more is read than `geometry` has. */
export function kept(geometry, { width, height }, multiple) {
    const room = (geometry.width * geometry.height) / (geometry.scale ** 2 * width * height);
    const shrunk = Math.min(1, Math.sqrt(room));
    const side = (length) => Math.max(1, roundHalfEven((length * shrunk) / multiple)) * multiple * geometry.scale;
    return { ...geometry, width: side(width), height: side(height), fit: "stretch" };
}

/** The part {x, y, width, height} of a frame that is used: the centred largest one of the target's shape, or all. */
export function cropBox(width, height, geometry) {
    if (geometry.fit === "stretch") return { x: 0, y: 0, width, height };
    const usedWidth = Math.min(width, Math.max(1, roundHalfEven((height * geometry.width) / geometry.height)));
    const usedHeight = Math.min(height, Math.max(1, roundHalfEven((width * geometry.height) / geometry.width)));
    return {
        x: Math.floor((width - usedWidth) / 2),
        y: Math.floor((height - usedHeight) / 2),
        width: usedWidth,
        height: usedHeight,
    };
}

/**
 * How the `box` of a frame becomes a picture of `size`: null where nothing changes but the place, else the taps of
 * every column and row, and what is added before rounding.
 *
 * What is enlarged goes through a bicubic kernel, what is reduced is averaged over areas. OpenCV's average is a linear
 * interpolation where one side grows, and rounds halves up where both sides are halved.
 */
export function resizing(box, size) {
    if (box.width === size.width && box.height === size.height) return null;
    const kernel = kernelFor(box, size);
    const halved = kernel === area && box.width === 2 * size.width && box.height === 2 * size.height;
    return {
        columns: taps(kernel, box.x, box.width, size.width),
        rows: taps(kernel, box.y, box.height, size.height),
        bias: halved ? 1 / 16 : 0,
    };
}

function kernelFor(box, size) {
    if (size.width * size.height >= box.width * box.height) return cubic;
    return size.width <= box.width && size.height <= box.height ? area : linear;
}

/**
 * Which pixels of a line make each pixel of the resized line: `count` positions (`at`, within the frame) and `weights`
 * for each of `size` outputs; of the bicubic kernel also how many positions an output begins after the one before it
 * (`moves`).
 */
function taps(kernel, start, length, size) {
    const lists = Array.from({ length: size }, (_, index) => kernel(index, length, size));
    const count = Math.max(...lists.map((list) => list.length));
    const at = new Uint32Array(size * count);
    const weights = new Float32Array(size * count);
    const moves = kernel === cubic ? new Uint8Array(size) : null; // others have lists of different lengths
    lists.forEach((list, index) => {
        if (moves && index > 0) moves[index] = Math.min(list[0][0] - lists[index - 1][0][0], count);
        for (let tap = 0; tap < count; tap += 1) {
            const [position, weight] = list[tap] ?? [list[0][0], 0];
            at[index * count + tap] = start + Math.min(Math.max(position, 0), length - 1);
            weights[index * count + tap] = weight;
        }
    });
    return { count, at, moves, weights };
}

/** Keys' bicubic kernel with a = -0.75, as OpenCV's INTER_CUBIC. */
function cubic(index, length, size) {
    const a = -0.75;
    const centre = Math.fround((index + 0.5) * (length / size) - 0.5);
    const first = Math.floor(centre);
    const x = centre - first;
    const near = (t) => ((a + 2) * t - (a + 3)) * t * t + 1;
    const far = (t) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
    const [before, here, next] = [far(x + 1), near(x), near(1 - x)];
    return [
        [first - 1, before],
        [first, here],
        [first + 1, next],
        [first + 2, 1 - before - here - next],
    ];
}

/** The mean over the pixel's area, as OpenCV's INTER_AREA. */
function area(index, length, size) {
    const [from, to] = [(index * length) / size, ((index + 1) * length) / size];
    const list = [];
    for (let position = Math.floor(from); position < Math.min(length, Math.ceil(to - 1e-9)); position += 1) {
        const covered = Math.min(to, position + 1) - Math.max(from, position);
        if (covered > 0) list.push([position, covered / (to - from)]);
    }
    return list;
}

/** What OpenCV's INTER_AREA does where one side grows and the other one shrinks. */
function linear(index, length, size) {
    const first = Math.floor(index * (1 / (size / length))); // OpenCV's own order: rounding decides between neighbours
    const beyond = Math.fround(index + 1 - (first + 1) * (size / length));
    const share = beyond <= 0 ? 0 : beyond - Math.floor(beyond);
    return [
        [first, 1 - share],
        [first + 1, share],
    ];
}

/**
 * Which columns of which picture lie where on the canvas, for two pictures (`left` and `right`) of `width` columns.
 * A mirrored view is flipped as a whole by the page, so what shall lie left is drawn right.
 *
 * @returns {{width: number, parts: {picture: "left"|"right", from: number, to: number, at: number}[]}}
 */
export function layout({ view, split, mirror }, width) {
    const part = (picture, from, to, at) => ({ picture, from, to, at });
    if (view === "single") return { width, parts: [part("right", 0, width, 0)] };
    const [first, second] = mirror ? ["right", "left"] : ["left", "right"];
    if (view === "side") return { width: 2 * width, parts: [part(first, 0, width, 0), part(second, 0, width, width)] };
    const column = Math.round((mirror ? 1 - split : split) * width);
    return { width, parts: [part(first, 0, column, 0), part(second, column, width, column)] };
}
