// What a student is: its contract, its file, its known answer. Nothing is guessed and nothing runs unchecked.

import { unpackPicture } from "./pixels.mjs";
import { Said } from "./words.mjs";

/** The parts of a contract that a browser needs. Throws Said for what is none. */
export function readContract(json, title) {
    const missing = ["scale", "multiple_of", "input", "output", "geometry", "files", "golden"].filter((key) => !json?.[key]);
    if (json?.format !== 1 || missing.length > 0) {
        throw new Said(`${title} has no contract that this page can read. Export the student again.`);
    }
    const file = Object.keys(json.files).find((name) => !name.endsWith("_int8.onnx"));
    if (!file) throw new Said(`The contract of ${title} names no float model. Export the student again.`);
    return {
        network: json.model,
        multiple: json.multiple_of,
        input: json.input.name,
        output: json.output.name,
        geometry: { ...json.geometry, scale: json.scale },
        sha256: json.files[file],
        golden: { input: unpackPicture(json.golden.input), output: unpackPicture(json.golden.output) },
    };
}

/**
 * A model of the page's list, fetched and checked: {name, title, contract, bytes, checked}. `checked` is false where
 * the browser cannot compute hashes, which it does only for https and for this machine.
 */
export async function loadModel(model, fetching = fetch, digest = globalThis.crypto?.subtle) {
    const { title } = model;
    const contract = readContract(await get(model.contract, title, fetching, (answer) => answer.json()), title);
    const bytes = await get(model.onnx, title, fetching, (answer) => answer.arrayBuffer());
    const checked = Boolean(digest);
    if (checked) {
        const hash = hex(await digest.digest("SHA-256", bytes));
        if (hash !== contract.sha256 || (model.sha256 && hash !== model.sha256)) {
            throw new Said(
                `The file of ${title} is not the one of its contract (its hash differs). Export or register it again.`,
            );
        }
    }
    return { name: model.name, title, contract, bytes, checked };
}

async function get(url, title, fetching, read) {
    try {
        const answer = await fetching(url);
        if (!answer.ok) throw await refusal(answer);
        return await read(answer);
    } catch (error) {
        if (error instanceof Said) throw error;
        throw new Said(`${title} could not be fetched (${error.message}). Is the server still running? Reload the page.`);
    }
}

/** The server's own sentence, where it says one. */
async function refusal(answer) {
    const { error } = await answer.json().catch(() => ({}));
    return error ? new Said(error) : new Error(`status ${answer.status}`);
}

function hex(buffer) {
    return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
