// "Make it mine": a few short clips of the viewer's own camera, after which the server trains a student on them.

import { consent, recordClip, stored } from "./camera_clip.mjs";
import { setText } from "./markup.mjs";
import { UserError, sentence } from "./messages.mjs";

const ANOTHER = "Now show it something else: another corner, another light. ";

export class Mine {
    /**
     * @param {() => void} costs is called when the viewer wants to know what it will cost
     * @param {(clips: string[]) => void} recorded is told the clips, once the server has all of them
     * @param {AbortSignal} signal ends the listening, and a recording that goes on
     */
    constructor(ui, session, { costs, recorded }, signal) {
        Object.assign(this, { ui, session, costs, recorded, recording: null });
        const on = (target, event, act) => target.addEventListener(event, act, { signal });
        on(ui.mineButton, "click", () => this.#ask());
        on(ui.mineForm, "submit", (event) => this.#submit(event));
        on(ui.mineConsent, "change", () => this.#showBegin());
        on(ui.mineLater, "click", () => ui.mine.close());
        on(ui.takingCancel, "click", () => this.recording?.abort());
        signal.addEventListener("abort", () => this.recording?.abort());
    }

    /**
     * Offer it where a server can do it.
     *
     * @param {object | null} offer {clips: names, frames: of each, perSecond, words, cost, problem}: cost is a sentence, or "" while unknown
     * @param {object | null} capture {url, token}
     */
    show(offer, capture) {
        const { ui } = this;
        Object.assign(this, { offer, capture });
        this.showButton();
        if (!offer) return;
        setText(ui.mineWords, offer.words);
        setText(ui.mineCost, offer.cost || offer.problem || "What it will cost is being measured on the server …");
        const text = consent(offer.clips.length * offer.frames, offer.clips);
        if (text !== ui.mineConsentText.textContent) ui.mineConsent.checked = false; // that was given to another sentence
        setText(ui.mineConsentText, text);
        this.#showBegin();
    }

    #showBegin() {
        const { ui, offer } = this;
        ui.mineBegin.disabled = !(offer?.cost && ui.mineConsent.checked);
    }

    showButton() {
        this.ui.mineButton.hidden = !(this.offer && this.capture) || Boolean(this.recording);
    }

    #ask() {
        this.ui.mine.showModal();
        if (!this.offer.cost) this.costs();
    }

    async #submit(event) {
        event.preventDefault();
        const { ui, session, offer } = this;
        ui.mine.close();
        ui.mineConsent.checked = false;
        this.#showBegin();
        this.recording = new AbortController();
        this.#showRecording();
        try {
            if (session.source?.kind !== "camera") await session.play(session.openCamera);
            if (session.source?.kind !== "camera") return; // why is said
            for (const [index, name] of offer.clips.entries()) await this.#record(name, index, offer);
            this.recorded(offer.clips);
        } catch (error) {
            session.say({ error: sentence(error) });
        } finally {
            this.recording = null;
            this.#showRecording();
        }
    }

    async #record(name, index, { clips, frames, perSecond }) {
        const { ui, session, capture, recording } = this;
        const hint = index > 0 ? ANOTHER : "";
        const progress = ({ countdown, rests, done = 0 }) => {
            setText(ui.countdown, String(countdown ?? ""));
            Object.assign(ui.taken, { max: frames, value: done });
            const what = rests ? "paused" : `${done} of ${frames} frames`;
            setText(ui.takingNote, `${hint}Clip ${index + 1} of ${clips.length}: ${what}`);
        };
        const wish = { name, frames, perSecond };
        const recorded = await recordClip(session, wish, capture, { progress, signal: recording.signal });
        if (recorded.why) throw new UserError(stored(recorded, wish));
    }

    #showRecording() {
        const { ui } = this;
        ui.taking.hidden = !this.recording;
        setText(ui.countdown, "");
        setText(ui.takingNote, "");
        this.showButton();
    }
}
