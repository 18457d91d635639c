// Sessions of a student in the worker: the network as it is shipped, and with its dials set. None is used unchecked.

import { fold } from "./dials.mjs";
import { FAULTS, UserError, firstLine } from "./messages.mjs";
import { fault, fromBatch, largestDifference, picture, sampleOf, toBatch } from "./pixels.mjs";

export const TOLERANCE = 1; // grey levels, of a known answer

/** A session of the ONNX file of `bytes`. Throws UserError where the backend cannot run it. */
export async function openSession(backend, title, bytes) {
    try {
        return await backend.ort.InferenceSession.create(new Uint8Array(bytes), backend.sessionOptions);
    } catch (error) {
        throw new UserError(`${backend.name} cannot run ${title} (${firstLine(error)}). Export it again, or take another model.`);
    }
}

/** Hold the folding of a student's dials to its known answer; nothing where it has none. Throws UserError where it fails. */
export async function checkFolding(backend, { title, contract, bytes }) {
    if (!contract.dials) return;
    const session = await openSession(backend, title, fold(bytes, contract.dials, contract.strong.setting));
    try {
        const { width, height } = contract.strong.output;
        const made = picture(width, height);
        const answer = await answerToGolden(backend, session, contract);
        if (answer.length === 3 * width * height) fromBatch(answer, width, made, { from: 0, to: width, at: 0 });
        if (!(largestDifference(made, contract.strong.output) <= TOLERANCE)) throw wrong(backend, title, "answer");
    } finally {
        await session.release();
    }
}

/** Let `student` run with its dials at `setting` from now on. Throws UserError, and changes nothing, where that goes wrong. */
export async function setDials(backend, student, setting) {
    const { title, contract, bytes } = student;
    if (!contract.dials) return;
    const session = await openSession(backend, title, fold(bytes, contract.dials, setting));
    const { input } = contract.golden;
    const found = fault(sampleOf(batchOf(input)), sampleOf(await answerToGolden(backend, session, contract)));
    const unused = found ? session : student.session;
    if (!found) student.session = session;
    await unused.release();
    if (found) throw wrong(backend, title, found);
}

/** A sentence on a student whose answers are not to be trusted. */
export function wrong(backend, title, what) {
    return new UserError(`${title} ${FAULTS[what]} on ${backend.name}. Take another model, or export it again.`);
}

/** What a session makes of the contract's small picture, as floats; apart from the frame that is shown just now. */
async function answerToGolden({ ort }, session, { golden, input, output }) {
    const { width, height } = golden.input;
    const tensor = new ort.Tensor("float32", batchOf(golden.input), [1, 3, height, width]);
    const answer = (await session.run({ [input]: tensor }))[output];
    const values = Float32Array.from(await answer.getData());
    answer.dispose();
    return values;
}

function batchOf({ width, height, data }) {
    const batch = new Float32Array(3 * width * height);
    toBatch({ width, data }, { x: 0, y: 0, width, height }, batch);
    return batch;
}
