// The stage: the canvas, the welcome before there is a picture, and what lies over one.

import { setText } from "./markup.mjs";
import { showTags } from "./tags.mjs";

export class Stage {
    /** `parts`: the divider, the lens and the recorder, which follow what is shown. */
    constructor(ui, session, { divider, lens, recorder }) {
        Object.assign(this, { ui, session, divider, lens, recorder, sample: null, mine: null });
    }

    /** What the page offers: a sample to play, and a student of one's own. */
    offer({ sample, mine }) {
        Object.assign(this, { sample, mine });
        this.ui.sample.hidden = !sample;
        this.showView();
    }

    /** What the session is at. */
    show() {
        const { ui, session } = this;
        const isSample = session.source?.kind === "sample"; // for which nobody who wants something else has to wait
        for (const button of [ui.start, ui.sample, ui.open]) button.disabled = session.busy && !isSample;
        ui.pause.setAttribute("aria-pressed", String(session.paused));
        setText(ui.error, session.error);
        setText(ui.notes, session.notes);
        ui.welcome.hidden = session.isShowing && !isSample;
        ui.welcome.classList.toggle("over", session.isShowing);
        ui.sample.hidden = !this.sample || isSample;
        ui.bar.hidden = !session.isShowing;
        if (!session.source) this.recorder.end();
        this.#showScreen();
        this.showView();
    }

    /** The canvas of an engine that was left stays until there is another one. */
    #showScreen() {
        const { ui, session } = this;
        const canvas = session.engine?.canvas;
        if (!session.isShowing) for (const part of [ui.screen, ui.figures]) part.replaceChildren();
        else if (canvas && ui.screen.firstChild !== canvas) ui.screen.replaceChildren(canvas);
    }

    showView() {
        const { ui, session } = this;
        const { settings } = session;
        if (session.source) ui.stage.dataset.mirrored = String(session.mirrored); // until there is another one, as the last
        this.divider.show();
        this.lens.show();
        ui.figuresButton.setAttribute("aria-pressed", String(settings.figures));
        ui.figures.hidden = !(session.isShowing && settings.figures);
        showTags(ui, session, this.mine);
    }

    showFrame() {
        const [width, height] = this.session.engine.last.output;
        const columns = this.session.settings.view === "side" ? 2 * width : width;
        this.ui.stage.style.setProperty("--shape", `${columns} / ${height}`);
        this.recorder.add();
        this.lens.paint();
    }
}
