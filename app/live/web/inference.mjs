// Sessions of a student in the worker: the network as it is shipped, and with its dials set. None is used unchecked.

import { fold } from "./dials.mjs";
import { UserError, firstLine, wrong } from "./messages.mjs";
import { fault, fromBatch, largestDifference, picture, sampleOf, toBatch } from "./pixels.mjs";

const TOLERANCE = 1; // grey levels, of a known answer

/** A student of the page's list in a session. Throws UserError where the backend cannot run it. */
export async function openStudent(backend, { title, contract, bytes }) {
    return { title, contract, bytes, session: await openSession(backend, title, bytes) };
}

/** Hold a student to its known answers, the first as frames go, by `enhance(frame, geometry)`. Throws UserError. */
export async function checkStudent(backend, student, enhance) {
    const { golden, geometry } = student.contract;
    const { width, height } = golden.output;
    await enhance(golden.input, { ...geometry, width, height, fit: "stretch" });
    await guard(backend, [student]);
    const answer = (await backend.pictures()).student;
    if (!(largestDifference(answer, golden.output) <= TOLERANCE)) throw wrong(backend.name, student.title, "answer");
    await checkFolding(backend, student);
}

/** Look whether the students' answers to the last frame are pictures. Throws UserError where one is not. */
export async function guard(backend, students) {
    const { input, outputs } = await backend.samples();
    outputs.forEach((output, index) => {
        const found = fault(input, output);
        if (found) throw wrong(backend.name, students[index].title, found);
    });
}

/** What the students answer to the backend's input: tensors. Throws UserError where one is of another scale. */
export async function answersOf(backend, students) {
    const { width, height } = backend.target;
    const answers = [];
    for (const { title, session, contract } of students) {
        const answer = (await session.run({ [contract.input]: backend.feed() }))[contract.output];
        const [answerHeight, answerWidth] = answer.dims.slice(2);
        if (answerWidth !== width || answerHeight !== height) {
            throw new UserError(
                `${title} gives ${answerWidth}x${answerHeight} where ${width}x${height} is shown. Take students of the same scale.`,
            );
        }
        answers.push(answer);
    }
    return answers;
}

/** A session of the ONNX file of `bytes`. Throws UserError where the backend cannot run it. */
async function openSession(backend, title, bytes) {
    try {
        return await backend.ort.InferenceSession.create(new Uint8Array(bytes), backend.sessionOptions);
    } catch (error) {
        throw new UserError(`${backend.name} cannot run ${title} (${firstLine(error)}). Export it again, or take another model.`);
    }
}

/** Hold the folding of a student's dials to its known answer; nothing where it has none. Throws UserError where it fails. */
async function checkFolding(backend, { title, contract, bytes }) {
    if (!contract.dials) return;
    const session = await openSession(backend, title, fold(bytes, contract.dials, contract.strong.setting));
    try {
        const { width, height } = contract.strong.output;
        const made = picture(width, height);
        const answer = await answerToGolden(backend, session, contract);
        if (answer.length === 3 * width * height) fromBatch(answer, width, made, { from: 0, to: width, at: 0 });
        if (!(largestDifference(made, contract.strong.output) <= TOLERANCE)) throw wrong(backend.name, title, "answer");
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
    if (found) throw wrong(backend.name, title, found);
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
