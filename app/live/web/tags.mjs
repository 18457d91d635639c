// What the two pictures are, in their upper corners.

import { percent } from "./messages.mjs";

/** @param {object | null} mine {before, after}: names of two students, once one was trained on the viewer's camera */
export function showTags({ leftTag, rightTag }, { isShowing, models, settings, pace }, mine) {
    rightTag.hidden = !isShowing;
    leftTag.hidden = !(isShowing && settings.view !== "single");
    if (!isShowing) return;
    const [student, compared] = models;
    const isMine = Boolean(mine) && student.name === mine.after && (compared?.name ?? "bicubic") === mine.before;
    leftTag.textContent = isMine ? "Before" : (compared?.title ?? "Bicubic");
    const share = pace?.step.share ?? 1;
    rightTag.textContent = (isMine ? "After" : student.title) + (share < 1 ? `, reading ${percent(share)}` : "");
}
