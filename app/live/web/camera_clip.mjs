// A clip of the camera that plays, and what the viewer agrees to before.

import { UserError } from "./messages.mjs";
import { grabPng } from "./recorder.mjs";
import { CameraGone, Inbox, record } from "./training.mjs";

/** The sentence for `frames` pictures in clips of these names. */
export function consent(frames, names) {
    const places = names.map((name) => `data/inbox/${name || "…"}`).join(" and ");
    return (
        `I agree that ${frames || 0} frames of this camera are sent to the server of this page and stored there as pictures, ` +
        `without sound, in ${places}. Whoever runs that server can see them and train with them.`
    );
}

/**
 * Record a clip as training.mjs does.
 *
 * @param {object} session whose camera it is
 * @param {object} wish {name, frames, perSecond}
 * @param {object} capture {url, token} of the server
 * @param {(step: object) => void} progress
 * @returns {Promise<{clip: string, frames: number, why?: string}>} as record() does. Throws UserError where there is none
 */
export async function recordClip(session, wish, capture, { progress, signal }) {
    const shoot = async () => {
        if (!session.source && session.error) throw new CameraGone(session.error);
        if (!session.source) throw new UserError("The camera was stopped; nothing was kept.");
        return grabPng(session.source);
    };
    const camera = { shoot, rests: () => Boolean(session.source) && !session.flows };
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const clock = { progress, wait, now: () => performance.now(), signal };
    return { clip: wish.name, ...(await record(camera, wish, new Inbox(capture), clock)) };
}

/** What came of a recording, in a sentence or two. */
export function stored({ clip, frames, why }, wish) {
    return why ? `${why} ${frames} of ${wish.frames} frames are stored as ${clip}.` : `${frames} frames are stored as ${clip}.`;
}
