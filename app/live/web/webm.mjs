// The duration of a film: browsers write WebM as it comes and leave out how long it is, so players could not wind it.
// The elements are those of RFC 8794 (EBML) and RFC 9559 (Matroska).

const SEGMENT = 0x18538067;
const INFO = 0x1549a966;
const SEEK_HEAD = 0x114d9b74; // says where parts lie, so none may move
const DURATION = [0x44, 0x89];
const SCALE = 0x2ad7b1;
const DEFAULT_SCALE_NS = 1_000_000; // of one tick
const LONGEST_SIZE = 8; // bytes

/**
 * The same film with its duration, where that can be put in; else as it is.
 *
 * @param {Uint8Array} start of the film, up to its first picture at least
 */
export function withDuration(start, seconds) {
    try {
        const info = infoOf(start);
        if (!info) return start;
        const duration = new Uint8Array(11);
        duration.set([...DURATION, 0x88]); // eight bytes follow
        new DataView(duration.buffer).setFloat64(3, (1e9 * seconds) / scaleOf(start, info));
        const size = info.end - info.content + duration.length;
        const parts = [start.subarray(0, info.at + 4), sizeOf(size), start.subarray(info.content, info.end), duration];
        return joined([...parts, start.subarray(info.end)]);
    } catch (error) {
        if (error instanceof RangeError) return start; // it ends too early, or is something else
        throw error;
    }
}

/** Where the segment's information lies: {at, content, end}; nothing where it may not grow. */
function infoOf(bytes) {
    const header = element(bytes, 0);
    const segment = element(bytes, header.end);
    if (segment.id !== SEGMENT || segment.size !== Infinity) return null; // a whole film knows its duration
    for (let at = segment.content; ;) {
        const found = element(bytes, at);
        if (found.id === INFO) return has(bytes, found, (DURATION[0] << 8) | DURATION[1]) ? null : found;
        if (found.id === SEEK_HEAD) return null;
        at = found.end;
    }
}

function has(bytes, info, id) {
    return [...children(bytes, info)].some((child) => child.id === id);
}

/** Nanoseconds of a tick. */
function scaleOf(bytes, info) {
    const scale = [...children(bytes, info)].find(({ id }) => id === SCALE);
    if (!scale) return DEFAULT_SCALE_NS;
    return bytes.subarray(scale.content, scale.end).reduce((value, byte) => 256 * value + byte, 0);
}

function* children(bytes, parent) {
    for (let at = parent.content; at < parent.end;) {
        const child = element(bytes, at);
        yield child;
        at = child.end;
    }
}

/** The element at a place: {at, id, size, content, end}. Throws RangeError where the bytes end before its size. */
function element(bytes, at) {
    const idLength = lengthAt(bytes, at);
    const id = number(bytes, at, idLength);
    const sizeAt = at + idLength;
    const length = lengthAt(bytes, sizeAt);
    const marker = 2 ** (7 * length); // as a number, since 64 bits are more than integers here hold
    const value = number(bytes, sizeAt, length) - marker;
    const size = value === marker - 1 ? Infinity : value; // all ones: until the end
    const content = sizeAt + length;
    return { at, id, size, content, end: content + size };
}

/** How many bytes the number at a place takes: as many as zeros before its first one, and one. */
function lengthAt(bytes, at) {
    const length = Math.clz32(bytes[at] ?? 0) - 23;
    if (!(at < bytes.length) || length > LONGEST_SIZE) throw new RangeError("no element");
    return length;
}

function number(bytes, at, length) {
    if (at + length > bytes.length) throw new RangeError("cut off");
    return bytes.subarray(at, at + length).reduce((value, byte) => 256 * value + byte, 0);
}

/** A size in as many bytes as a size can have. */
function sizeOf(size) {
    const bytes = new Uint8Array(LONGEST_SIZE);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(size));
    bytes[0] = 1;
    return bytes;
}

function joined(parts) {
    const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
        whole.set(part, at);
        at += part.length;
    }
    return whole;
}
