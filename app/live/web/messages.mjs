// What the viewer is told: what goes wrong in words that say what to do next.

import { kept, studentInput } from "./geometry.mjs";

/** An error whose message is a sentence for the viewer. */
export class UserError extends Error {}

/** The sentence of any error. */
export function sentence(error) {
    return error instanceof UserError ? error.message : `Something went wrong (${firstLine(error)}). Reload the page.`;
}

/** An error's first line, short. */
export function firstLine(error) {
    return String(error?.message ?? error)
        .split("\n")[0]
        .slice(0, 200);
}

const CAMERA = {
    NotFoundError: "No camera was found. Plug one in, or play the sample or a file of your own.",
    OverconstrainedError: "No camera was found that gives this. Choose another camera or resolution.",
    NotAllowedError: "The camera was refused. Allow it beside the address of this page, and start again.",
    SecurityError: "The camera was refused. Allow it beside the address of this page, and start again.",
    NotReadableError: "The camera is in use by another program. Close that one, and start again.",
    AbortError: "The camera did not start. Unplug it and plug it in again.",
};

export const INSECURE =
    "Browsers allow camera access only over https or on localhost. Open the page that way, or play the sample.";

/** Why there is no camera. */
export function cameraSentence(error) {
    return CAMERA[error?.name] ?? `The camera did not start (${firstLine(error)}). Try another one.`;
}

export const UNDECODABLE = "This browser cannot show that file. Take a photograph, or a video as .mp4 (H.264) or .webm.";

const FAULTS = {
    numbers: "gave values that are NaN or infinite",
    plain: "gave a picture without content",
    answer: "fails its known-answer test",
};

/** A sentence on a student whose answers on an engine are not to be trusted; `what` of FAULTS. */
export function wrong(engine, title, what) {
    return new UserError(`${title} ${FAULTS[what]} on ${engine}. Take another model, or export it again.`);
}

export const LOADING = "The student is being loaded and tested…";
export const NO_PICTURE = "There is no picture yet: the student is being loaded. Try again when it shows one.";

/** What is said while students run: what was refused, what is missing, and how the source fits. */
export function runningSentences({ engine, source, models, refused, students, pace, settings }) {
    const { crossOriginIsolated } = globalThis;
    return [
        ...refused,
        refused.length > 0 ? `${engine.backend} is used.` : null,
        engine.note,
        engine.threads === 1 && !crossOriginIsolated ? "Without its two headers this page has one thread." : null,
        models.some(({ checked }) => !checked) ? "Without https the model's hash cannot be checked here." : null,
        students.rung > 0 ? `${students.ladder[0].title} would show too few frames here, so ${models[0].title} runs.` : null,
        settings.inputSize === "auto" ? shareSentence(pace.step.share) : null,
        sizeSentence(source.size, models[0].contract),
    ]
        .filter(Boolean)
        .join(" ");
}

/** What is said where the student reads less than there is, as even that takes long; or null. */
function shareSentence(share) {
    if (share === 1) return null;
    return `The full picture takes too long: it is read at ${percent(share)} of its sides, and may show less than the camera.`;
}

/** A share of a side, for people. */
export function percent(share) {
    return `${Math.round(100 * share)} %`;
}

/** What is said of a camera or file that gives far less than the student learned, or far more than it reads; or null. */
export function sizeSentence(frame, { geometry, multiple }) {
    const gives = `The source gives ${frame.width}x${frame.height}`;
    const learned = studentInput(geometry);
    if (frame.width * frame.height < 0.3 * learned.width * learned.height) {
        return `${gives}, little for the student to work from. Choose a larger camera size where there is one.`;
    }
    const read = studentInput(kept(geometry, frame, multiple));
    if (frame.width > 1.5 * read.width) return `${gives}; the student reads it reduced to ${read.width}x${read.height}.`;
    return null;
}
