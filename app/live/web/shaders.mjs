// The loops of pixels.mjs as shaders. A picture is an array of RGBA words, an answer of the network an array of floats.

export const WORKGROUP = 8; // its side, pixels

const kernel = (body) => `@compute @workgroup_size(${WORKGROUP}, ${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {${body}}`;

/** A camera's frame as a picture; `texture` is texture_external, or texture_2d<f32> where a browser has no other. */
export const take = (texture) => `
@group(0) @binding(0) var frame: ${texture};
@group(0) @binding(1) var<storage, read_write> raw: array<u32>;
@group(0) @binding(2) var<uniform> size: vec4u;
${kernel(`
    if (id.x >= size.x || id.y >= size.y) { return; }
    let colour = textureLoad(frame, id.xy${texture === "texture_external" ? "" : ", 0"});
    raw[id.y * size.x + id.x] = pack4x8unorm(vec4f(colour.rgb, 1));
`)}`;

/** A picture resized: each tap is a position and a weight (see geometry.resizing). */
export const resize = `
struct Plan { width: u32, height: u32, source_width: u32, columns: u32, rows: u32, bias: f32 }
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> resized: array<u32>;
@group(0) @binding(2) var<uniform> plan: Plan;
@group(0) @binding(3) var<storage, read> columns: array<vec2u>;
@group(0) @binding(4) var<storage, read> rows: array<vec2u>;
${kernel(`
    if (id.x >= plan.width || id.y >= plan.height) { return; }
    var sum = vec3f(plan.bias);
    for (var i = 0u; i < plan.rows; i++) {
        let row = rows[id.y * plan.rows + i];
        var line = vec3f(0);
        for (var j = 0u; j < plan.columns; j++) {
            let column = columns[id.x * plan.columns + j];
            let pixel = source[row.x * plan.source_width + column.x];
            line += bitcast<f32>(column.y) * vec3f(vec3u(pixel, pixel >> 8u, pixel >> 16u) & vec3u(255));
        }
        sum += bitcast<f32>(row.y) * line;
    }
    let level = vec3u(clamp(round(sum), vec3f(0), vec3f(255)));
    resized[id.y * plan.width + id.x] = level.x | (level.y << 8u) | (level.z << 16u) | 0xff000000u;
`)}`;

/** The lowest and highest bits seen of values not below 0, and whether any value was no number. */
const SAMPLE = `
struct Sample { low: atomic<u32>, high: atomic<u32>, odd: atomic<u32>, unused: u32 }
fn look(value: f32) {
    let bits = bitcast<u32>(max(value, 0.0));
    atomicMin(&sample.low, bits);
    atomicMax(&sample.high, bits);
}`;

/** A box of a picture as (1, 3, H, W) floats in 0..1. */
export const toBatch = `
struct Box { width: u32, height: u32, x: u32, y: u32, source_width: u32 }
${SAMPLE}
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> batch: array<f32>;
@group(0) @binding(2) var<uniform> box: Box;
@group(0) @binding(3) var<storage, read_write> sample: Sample;
${kernel(`
    if (id.x >= box.width || id.y >= box.height) { return; }
    let pixel = source[(id.y + box.y) * box.source_width + id.x + box.x];
    let value = vec3f(vec3u(pixel, pixel >> 8u, pixel >> 16u) & vec3u(255)) / 255;
    let plane = box.width * box.height;
    let i = id.y * box.width + id.x;
    batch[i] = value.x;
    batch[plane + i] = value.y;
    batch[2 * plane + i] = value.z;
    if (i % 97 == 0) { look(value.x); look(value.y); look(value.z); }
`)}`;

/** (1, 3, H, W) floats as a picture, clamped and rounded. They come as bits: a shader may take NaN for any number. */
export const fromBatch = `
${SAMPLE}
@group(0) @binding(0) var<storage, read> batch: array<u32>;
@group(0) @binding(1) var<storage, read_write> picture: array<u32>;
@group(0) @binding(2) var<uniform> size: vec4u;
@group(0) @binding(3) var<storage, read_write> sample: Sample;
${kernel(`
    if (id.x >= size.x || id.y >= size.y) { return; }
    let plane = size.x * size.y;
    let i = id.y * size.x + id.x;
    let bits = vec3u(batch[i], batch[plane + i], batch[2 * plane + i]);
    let value = bitcast<vec3f>(bits);
    picture[i] = pack4x8unorm(vec4f(clamp(value, vec3f(0), vec3f(1)), 1));
    if (any((bits & vec3u(0x7f800000)) == vec3u(0x7f800000))) { atomicMax(&sample.odd, 1u); }
    if (i % 97 == 0) { look(value.x); look(value.y); look(value.z); }
`)}`;

/** A student's picture drawn towards bicubic: bicubic + strength * (picture - bicubic). */
export const blend = `
struct Blend { width: u32, height: u32, strength: f32 }
@group(0) @binding(0) var<storage, read> bicubic: array<u32>;
@group(0) @binding(1) var<storage, read_write> picture: array<u32>;
@group(0) @binding(2) var<uniform> blending: Blend;
${kernel(`
    if (id.x >= blending.width || id.y >= blending.height) { return; }
    let i = id.y * blending.width + id.x;
    picture[i] = pack4x8unorm(mix(unpack4x8unorm(bicubic[i]), unpack4x8unorm(picture[i]), blending.strength));
`)}`;

/** Columns of two pictures on the canvas (see geometry.layout): each part is (from, to, at, 0: left or 1: right). */
export const show = `
struct Places { first: vec4u, second: vec4u, size: vec4u }
@group(0) @binding(0) var<storage, read> left: array<u32>;
@group(0) @binding(1) var<storage, read> right: array<u32>;
@group(0) @binding(2) var<uniform> places: Places;
@vertex fn corner(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    return vec4f(f32(index & 1u) * 4 - 1, f32(index >> 1u) * 4 - 1, 0, 1);
}
@fragment fn colour(@builtin(position) place: vec4f) -> @location(0) vec4f {
    let at = vec2u(place.xy);
    var part = places.first;
    if (at.x >= places.second.z) { part = places.second; }
    let i = at.y * places.size.x + at.x - part.z + part.x;
    if (part.w == 0u) { return unpack4x8unorm(left[i]); }
    return unpack4x8unorm(right[i]);
}`;
