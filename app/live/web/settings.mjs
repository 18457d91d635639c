// The viewer's settings: what they are at first, and what has to begin anew when one of them changes.

import { AUTOMATIC } from "./dial_control.mjs";

export const DEFAULTS = {
    compareWith: "bicubic",
    view: "split",
    camera: "user",
    resolution: "640x480",
    mirror: "auto",
    engine: "auto",
    inputSize: "auto",
    targetFps: 15,
    clean: false, // nothing but the picture, as for a program that films this window
    figures: false,
    lens: false,
    split: 0.5,
    threads: 0, // as many as there are
    strength: 1,
    calm: 1,
    denoise: AUTOMATIC,
    sharpen: AUTOMATIC,
};
/** What is favoured: motion, or the picture. */
export const PRESETS = {
    fast: { inputSize: "auto", targetFps: 30 },
    balanced: { inputSize: "auto", targetFps: 15 },
    best: { inputSize: "1", targetFps: 6 },
};
export const NEW_CAMERA = new Set(["camera", "resolution"]);
export const NEW_PACE = new Set(["inputSize", "targetFps"]);
export const NEW_STUDENT = new Set(["model", "compareWith", "engine"]); // the pace begins anew as well

/** The settings that say something: what comes from Python may hold nulls. */
export function given(settings) {
    return Object.fromEntries(Object.entries(settings ?? {}).filter(([, value]) => value !== null && value !== undefined));
}

/** The name of the preset that `settings` are, or undefined. */
export function presetOf(settings) {
    const isChosen = (preset) => Object.entries(preset).every(([name, value]) => String(settings[name]) === String(value));
    return Object.keys(PRESETS).find((name) => isChosen(PRESETS[name]));
}

/** Whether the picture of `source` is to be a mirror's. */
export function isMirrored({ mirror }, source) {
    return mirror === "auto" ? Boolean(source?.front && source.kind === "camera") : mirror === "on";
}

/** How a frame is to be drawn by them. */
export function viewOf({ view, split, strength }, mirror) {
    return { view, split, strength: Number(strength), mirror };
}
