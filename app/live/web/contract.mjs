// What a student is: its contract, its file, its known answer. Nothing is guessed and nothing runs unchecked.

import { DIALS, fitsFile, invalid, isSetting, readDials } from "./dials.mjs";
import { UserError } from "./messages.mjs";
import { unpackPicture } from "./pixels.mjs";
import { readPlain } from "./plain_form.mjs";
import { readWeb } from "./web_form.mjs";

const FORMATS = [1, 2]; // 2: with dials

/** The parts of a contract that a browser needs. Throws UserError for what is none. */
export function readContract(json, title) {
    const missing = ["scale", "multiple_of", "input", "output", "geometry", "files", "golden"].filter((key) => !json?.[key]);
    if (!FORMATS.includes(json?.format) || missing.length > 0) {
        throw new UserError(`${title} has no contract that this page can read. Export the student again.`);
    }
    const file = Object.keys(json.files).find((name) => name.endsWith(".onnx") && !name.endsWith("_int8.onnx"));
    if (!file) throw new UserError(`The contract of ${title} names no float model. Export the student again.`);
    return {
        network: json.model,
        multiple: json.multiple_of,
        input: json.input.name,
        output: json.output.name,
        geometry: { ...json.geometry, scale: json.scale },
        sha256: json.files[file],
        golden: { input: unpackPicture(json.golden.input), output: known(json.golden.output) },
        ...(json.format === 1 ? { dials: null, strong: null, estimator: null, web: null } : readFormat2(json, title)),
    };
}

/** A known answer of the ONNX file; a brief contract has none. */
function known(packed) {
    return packed ? unpackPicture(packed) : null;
}

/**
 * What format 2 adds: the dials, the known answer at a strong setting of theirs, perhaps the estimator that sets them,
 * perhaps the web form with the checksums of its known answers.
 */
function readFormat2(json, title) {
    const dials = readDials(json, title);
    const strong = json.golden.strong;
    if (!isSetting(strong?.dials) || !(strong.output ?? strong.output_web))
        throw invalid(title, "golden.strong must hold dials and their output");
    return {
        dials,
        strong: { setting: strong.dials, output: known(strong.output) },
        estimator: json.estimator ? readEstimator(json.estimator, title) : null,
        web: readKnownWeb(json, title),
    };
}

function readKnownWeb(json, title) {
    const web = readWeb(json, title);
    const { output_web: neutral, strong } = json.golden;
    return web && { ...web, known: { neutral, strong: strong.output_web } };
}

/** {file: its ONNX file or null, sha256, prior, plain}; `onnx` holds the file's bytes where it does not lie beside the contract. */
function readEstimator({ onnx, file, sha256, plain, prior_weights: prior }, title) {
    const isPrior = Array.isArray(prior) && prior.length === DIALS.length && prior.every((weight) => weight >= 0);
    if (!isPrior) throw invalid(title, `estimator.prior_weights must be ${DIALS.length} numbers from 0`);
    try {
        const bytes = file ? null : Uint8Array.from(atob(onnx), (character) => character.charCodeAt(0)).buffer;
        return { bytes, file, sha256, prior, plain: readPlain(plain, title) };
    } catch {
        throw invalid(title, "estimator.onnx must be base64");
    }
}

/**
 * A model of the page's list with its contract, the brief one where there is one: {name, title, contract, checked, file}.
 * `file` fetches the float ONNX file ("onnx"), the one of the web form ("web"), the estimator's ("estimator"), or the whole
 * contract ("contract"); what it fetched is kept, and is what the contract says. `checked` is false where the browser cannot
 * compute hashes, which it does only for https and for this machine.
 */
export async function loadModel(model, fetching = fetch, digest = globalThis.crypto?.subtle) {
    const { name, title, brief } = model;
    const contract = await fetchContract(brief ?? model.contract, title, fetching);
    const fetched = {};
    const file = (form) => {
        fetched[form] ??= fetchForm[form](model, contract, { fetching, digest });
        fetched[form].catch(() => delete fetched[form]); // it may be there the next time
        return fetched[form];
    };
    return { name, title, contract, checked: Boolean(digest), file };
}

/** The models as an engine takes them: {title, contract, bytes}, of the file that it runs. */
export function withFiles(models, engine) {
    if (engine === "integers") {
        return Promise.all(models.map(async ({ title, contract, file }) => ({ title, contract, bytes: await file("web") })));
    }
    return Promise.all(
        models.map(async ({ title, file }) => ({ title, contract: await file("contract"), bytes: await file("onnx") })),
    );
}

const fetchForm = {
    async onnx(model, contract, how) {
        const bytes = await fetchChecked(model.onnx, model, contract.sha256, how);
        if (contract.dials && !fitsFile(contract.dials, bytes.byteLength)) {
            throw invalid(model.title, "layers lie beyond the end of the float file");
        }
        return bytes;
    },

    web: (model, { web }, how) => fetchChecked(beside(model, web.file), model, web.sha256, how),

    async estimator(model, { estimator: { bytes, file, sha256 } }, how) {
        return bytes ?? fetchChecked(beside(model, file), model, sha256, how);
    },

    async contract(model, contract, { fetching }) {
        return model.brief ? fetchContract(model.contract, model.title, fetching) : contract;
    },
};

async function fetchContract(address, title, fetching) {
    return readContract(await get(address, title, fetching, (answer) => answer.json()), title);
}

/** The address of a file that lies beside the contract. */
function beside({ contract }, file) {
    return contract.replace(/[^/]*$/, file);
}

async function fetchChecked(address, { title, sha256, onnx }, expected, { fetching, digest }) {
    const bytes = await get(address, title, fetching, (answer) => answer.arrayBuffer());
    const hash = digest && hex(await digest.digest("SHA-256", bytes));
    if (digest && (hash !== expected || (address === onnx && sha256 && hash !== sha256))) {
        throw new UserError(
            `The file of ${title} is not the one of its contract (its hash differs). Export or register it again.`,
        );
    }
    return bytes;
}

async function get(url, title, fetching, read) {
    try {
        const answer = await fetching(url);
        if (!answer.ok) throw await refusal(answer);
        return await read(answer);
    } catch (error) {
        if (error instanceof UserError) throw error;
        throw new UserError(`${title} could not be fetched (${error.message}). Is the server still running? Reload the page.`);
    }
}

/** The server's own sentence, where it says one. */
async function refusal(answer) {
    const { error } = await answer.json().catch(() => ({}));
    return error ? new UserError(error) : new Error(`status ${answer.status}`);
}

function hex(buffer) {
    return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
