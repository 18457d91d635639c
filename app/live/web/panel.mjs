// The settings below the picture: presets and selects offer what there is, and tell what the viewer chose.

import { fill } from "./markup.mjs";
import { DEFAULTS, PRESETS, presetOf } from "./settings.mjs";
import { cameras } from "./source.mjs";

const FIXED = ["view", "camera", "resolution", "mirror", "engine", "inputSize", "targetFps"]; // their choices are known
const FACING = [
    ["user", "Front"],
    ["environment", "Rear"],
];

export class SettingsPanel {
    /**
     * @param {object} ui see markup.mjs
     * @param {(changes: object) => void} onchange is told the settings that the viewer changed
     * @param {AbortSignal} signal ends the listening
     */
    constructor(ui, settings, onchange, signal) {
        Object.assign(this, { ui, settings, presets: [...ui.presets.children] });
        for (const button of this.presets) {
            button.addEventListener("click", () => onchange(PRESETS[button.value]), { signal });
        }
        for (const name of ["model", "compareWith", ...FIXED]) {
            ui[name].addEventListener("change", () => onchange({ [name]: ui[name].value }), { signal });
        }
    }

    /** Offer these students and show the settings. A student that is there no more is chosen no more. */
    show(students) {
        const { ui, settings } = this;
        const models = students.map(({ name, title }) => [name, title]);
        fill(ui.model, models, settings.model);
        settings.model = ui.model.value || undefined;
        const others = models.filter(([name]) => name !== settings.model);
        fill(ui.compareWith, [["bicubic", "Bicubic"], ...others], settings.compareWith);
        settings.compareWith = ui.compareWith.value;
        for (const name of FIXED) {
            if (name !== "camera" && !offers(ui[name], settings[name])) settings[name] = DEFAULTS[name]; // an address may say anything
            ui[name].value = String(settings[name]);
        }
        const preset = presetOf(settings);
        for (const button of this.presets) button.setAttribute("aria-pressed", String(button.value === preset));
    }

    /** Offer the cameras by name, once the viewer has allowed one. */
    async showCameras() {
        const known = (await cameras()).map(({ deviceId, label }) => [deviceId, label]);
        fill(this.ui.camera, [...FACING, ...known], this.settings.camera);
    }
}

function offers(select, value) {
    return [...select.options].some((option) => option.value === String(value));
}
