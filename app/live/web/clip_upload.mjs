// The form that records the camera for training: asked for, agreed to, counted while it goes on.

import { consent, recordClip, stored } from "./camera_clip.mjs";
import { sentence } from "./messages.mjs";
import { refusal } from "./training.mjs";

export class ClipUpload {
    /**
     * @param {(clip: string) => void} stored is told of each clip that the server has
     * @param {AbortSignal} signal ends the listening, and a recording that goes on
     */
    constructor(ui, session, stored, signal) {
        Object.assign(this, { ui, session, stored, recording: null });
        ui.trainingForm.addEventListener("submit", (event) => this.#submit(event), { signal });
        ui.clipFrames.addEventListener("input", () => this.#showConsent(), { signal });
        ui.clipName.addEventListener("input", () => this.#showConsent(), { signal });
        ui.cancel.addEventListener("click", () => this.recording?.abort(), { signal });
        signal.addEventListener("abort", () => this.recording?.abort());
    }

    /** Offer to record where there is a server that takes it: `capture` {url, token, limits}, or null. */
    show(capture) {
        const { ui } = this;
        this.capture = capture;
        ui.training.hidden = !capture;
        ui.clipFrames.max = capture?.limits.frames ?? "";
        ui.clipPace.max = capture?.limits.per_second ?? "";
        this.#showConsent();
    }

    async #submit(event) {
        event.preventDefault();
        const { ui, session } = this;
        const wish = this.#wish();
        const why = session.source?.kind === "camera" ? refusal(wish, this.capture.limits) : "Start the camera first.";
        if (why || this.recording) {
            ui.trainingNote.textContent = why ?? "";
            return;
        }
        this.recording = new AbortController();
        this.#showRecording(true);
        try {
            const progress = (step) => this.#showProgress(step);
            const recorded = await recordClip(session, wish, this.capture, { progress, signal: this.recording.signal });
            ui.trainingNote.textContent = stored(recorded, wish);
            this.stored(recorded.clip);
        } catch (error) {
            ui.trainingNote.textContent = sentence(error);
        } finally {
            this.recording = null;
            this.#showRecording(false);
        }
    }

    #wish() {
        const { clipName, clipFrames, clipPace } = this.ui;
        return { name: clipName.value.trim(), frames: Number(clipFrames.value), perSecond: Number(clipPace.value) };
    }

    #showProgress({ countdown, rests, done, frames }) {
        const { ui } = this;
        ui.countdown.textContent = countdown ?? "";
        if (rests) ui.trainingNote.textContent = "Paused. The recording continues with the picture, or ends after a minute.";
        if (done) {
            Object.assign(ui.progress, { max: frames, value: done });
            ui.trainingNote.textContent = `${done} of ${frames} frames`;
        }
    }

    #showRecording(on) {
        const { record: button, cancel, progress, countdown } = this.ui;
        button.hidden = on;
        cancel.hidden = !on;
        progress.hidden = !on;
        progress.value = 0;
        countdown.textContent = "";
    }

    #showConsent() {
        const { name, frames } = this.#wish();
        const text = consent(frames, [name]);
        if (text === this.ui.consentText.textContent) return;
        this.ui.consentText.textContent = text;
        this.ui.consent.checked = false; // that was given to another sentence
    }
}
