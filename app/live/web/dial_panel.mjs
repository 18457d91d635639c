// The sliders of the live page: how strong student and calm are, and the dials that the viewer may take over.

import { AUTOMATIC } from "./dial_control.mjs";
import { DIALS } from "./dials.mjs";

const STEP = 0.05;
const SLIDERS = [
    {
        name: "strength",
        title: "Strength",
        help: "How much of the student's picture is shown: 0 is plain bicubic, 1 is the student alone.",
    },
    {
        name: "calm",
        title: "Calm",
        help: "How much frames are averaged where nothing moves, so that noise does not boil: 0 is off, 1 is all of it.",
    },
    {
        name: "denoise",
        title: "Denoise",
        dial: DIALS.indexOf("noise"),
        help: "How much noise the student removes. Automatic: as much as was found in the camera's picture.",
    },
    {
        name: "sharpen",
        title: "Sharpen",
        dial: DIALS.indexOf("blur"),
        help: "How much blur the student removes. Automatic: as much as was found in the camera's picture.",
    },
];

const markup = ({ title, help, dial }) => `
<div class="dial">
  <label><span>${title}</span>
    <input type="range" min="0" max="1" step="${STEP}" title="${help}"></label>
  <span class="amount" aria-hidden="true"></span>
  ${dial === undefined ? "" : `<button type="button" title="${help}" aria-label="Automatic: ${title}">Automatic</button>`}
</div>`;

/** Fills `place`, a group, with sliders. */
export class DialPanel {
    /**
     * @param {HTMLElement} place
     * @param {(changes: object) => void} onchange is told the settings that the viewer changed
     * @param {AbortSignal} signal ends the listening
     */
    constructor(place, onchange, signal) {
        this.place = place;
        place.innerHTML = `<p class="camera" role="status"></p><div class="sliders">${SLIDERS.map(markup).join("")}</div>`;
        this.camera = place.querySelector(".camera");
        this.rows = [...place.querySelectorAll(".dial")].map((row, index) => ({
            ...SLIDERS[index],
            row,
            input: row.querySelector("input"),
            amount: row.querySelector(".amount"),
            button: row.querySelector("button"),
        }));
        for (const { name, input, button } of this.rows) {
            input.addEventListener("input", () => onchange({ [name]: Number(input.value) }), { signal });
            const toggled = () => (button.ariaPressed === "true" ? Number(input.value) : AUTOMATIC);
            button?.addEventListener("click", () => onchange({ [name]: toggled() }), { signal });
        }
    }

    /** Show the viewer's `settings` and what `control` found; hidden where nothing runs. */
    show(settings, control) {
        this.place.hidden = !control.run;
        if (this.camera.textContent !== control.camera) this.camera.textContent = control.camera;
        for (const row of this.rows) {
            row.row.hidden = row.dial !== undefined && !control.adjustable;
            if (!row.row.hidden) showRow(row, settings[row.name], control);
        }
    }
}

function showRow({ input, amount, button, dial }, setting, control) {
    const value = dial === undefined ? Number(setting) : control.wanted[dial];
    const automatic = dial !== undefined && (setting ?? AUTOMATIC) === AUTOMATIC;
    input.value = String(value);
    amount.textContent = value.toFixed(2);
    input.setAttribute("aria-valuetext", automatic ? `${value.toFixed(2)}, automatic` : value.toFixed(2));
    button?.setAttribute("aria-pressed", String(automatic));
}
