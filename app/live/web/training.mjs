// Frames of the viewer's camera for training: lossless, at an even pace, sent one by one to the server's inbox.

import { UserError } from "./messages.mjs";

const COUNTDOWN_S = 3;
const REST_MS = 200;

/** The camera is not there any more, and nobody has stopped it: why, in a sentence. */
export class CameraGone extends UserError {}

/** What is wrong with a wish, in words; or null. */
export function refusal({ name, frames, perSecond }, limits) {
    if (!new RegExp(`^(?:${limits.name})$`).test(name)) {
        return "A clip's name has up to 64 letters, digits, dots, - and _. It begins with a letter or digit, and not with demo-.";
    }
    if (!Number.isInteger(frames) || frames < 1 || frames > limits.frames) {
        return `Between 1 and ${limits.frames} frames can be recorded at once.`;
    }
    if (!(perSecond > 0 && perSecond <= limits.per_second)) {
        return `Up to ${limits.per_second} frames a second can be recorded.`;
    }
    return null;
}

/** When frame `index` is due, ms after the start. */
export function dueMs(index, perSecond) {
    return (1000 * index) / perSecond;
}

/**
 * Count down, then take `frames` frames and send each before the next one is taken, so that a slow line makes the pace
 * slower and never fills the memory. While the camera's picture rests, which would give one frame many times, so does
 * the recording.
 *
 * @param {{shoot: () => Promise<{blob: Blob, width: number, height: number}>, rests: () => boolean}} camera
 * @param {object} wish {name, frames, perSecond}
 * @param {{progress: Function, wait: Function, now: Function, signal: AbortSignal}} clock
 * @returns {Promise<object>} {clip: what the server calls it, frames: how many it has}, and {why} it has fewer after a CameraGone
 * @throws {UserError} where it was refused, cut off or cancelled; then the server has kept nothing
 */
export async function record(camera, wish, inbox, clock) {
    const { progress, wait, now, signal } = clock;
    for (let left = COUNTDOWN_S; left > 0; left -= 1) {
        progress({ countdown: left });
        await wait(1000);
        stopIf(signal);
    }
    await moving(camera, clock);
    let shot = await camera.shoot();
    const { width, height } = shot;
    const begun = { name: wish.name, frames: wish.frames, width, height, fps: wish.perSecond, mime: "image/png" };
    const { id } = await inbox.begin(begun);
    let done = 0;
    try {
        let started = now();
        for (let index = 0; index < wish.frames; index += 1) {
            await wait(Math.max(0, started + dueMs(index, wish.perSecond) - now()));
            stopIf(signal);
            await moving(camera, clock);
            const late = now() - started - dueMs(index, wish.perSecond);
            if (late > dueMs(1, wish.perSecond)) started += late; // after a rest nothing is caught up with
            if (index > 0) shot = await camera.shoot();
            if (shot.width !== width || shot.height !== height) throw new UserError("The camera changed its size. Record again.");
            await inbox.put(id, index, shot.blob);
            done = index + 1;
            progress({ done, frames: wish.frames });
        }
        return { ...(await inbox.end(id)), frames: done };
    } catch (error) {
        if (error instanceof CameraGone && done > 0) return { ...(await inbox.end(id, done)), frames: done, why: error.message };
        await inbox.abort(id).catch(() => {}); // what is left there is swept away by the server
        throw error;
    }
}

async function moving(camera, { progress, wait, signal }) {
    while (camera.rests()) {
        progress({ rests: true });
        await wait(REST_MS);
        stopIf(signal);
    }
}

function stopIf(signal) {
    if (signal.aborted) throw new UserError("The recording was cancelled; nothing was kept.");
}

/** The server's side of it. */
export class Inbox {
    constructor({ url, token }, fetching = (...request) => fetch(...request)) {
        Object.assign(this, { url, token, fetching });
    }

    begin(about) {
        const body = JSON.stringify({ ...about, token: this.token });
        return this.#send("POST", "begin", body, { "Content-Type": "application/json" });
    }

    put(id, index, blob) {
        return this.#send("PUT", `${id}/${index}`, blob, { "Content-Type": "image/png" });
    }

    /** All frames have come; or only the first `frames` of them, and no more will. */
    end(id, frames) {
        return this.#send("POST", frames ? `${id}/end?frames=${frames}` : `${id}/end`);
    }

    abort(id) {
        return this.#send("DELETE", id);
    }

    async #send(method, path, body, headers = {}) {
        let answer;
        try {
            answer = await this.fetching(`${this.url}/${path}`, {
                method,
                body,
                headers: { ...headers, "X-Sharpcam-Token": this.token },
            });
        } catch {
            throw new UserError("The line to the server was cut; it keeps no half of a clip. Record again.");
        }
        const said = await answer.json().catch(() => ({}));
        if (!answer.ok) throw new UserError(said.error ?? `The server refused the recording (status ${answer.status}).`);
        return said;
    }
}
