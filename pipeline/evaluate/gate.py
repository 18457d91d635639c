"""What an evaluation says of a student: the gate that it has to pass, the verdict, the table."""

import math
from collections.abc import Mapping
from typing import Any

from pipeline.core.clips import own_first
from pipeline.core.errors import SharpcamError
from pipeline.core.meaning import GATE_DB
from pipeline.evaluate.scores import Scores
from pipeline.student.contract import INT8_MOST_DB, TORCH_MOST
from pipeline.tracking.figures import flatten


def gate(scores: Scores, contract: dict[str, Any]) -> dict[str, Any]:
    """Whether the student may be promoted: better than a resize, the same as torch, and nearly as good in int8.

    Raises SharpcamError where a figure is not finite: no comparison with it means anything.
    """
    refuse_unless_finite(flatten(scores) | {"largest_difference_to_torch": contract["largest_difference_to_torch"]})
    psnr = {method: references["teacher"]["psnr"] for method, references in scores.items() if "teacher" in references}
    best = max(("bicubic", "lanczos"), key=psnr.__getitem__)
    margin, loss = round(psnr["student"] - psnr[best], 6), round(psnr["student"] - psnr["student_int8"], 6)
    difference = contract["largest_difference_to_torch"]
    return {
        "passed": margin >= GATE_DB and loss <= INT8_MOST_DB and difference <= TORCH_MOST,
        "best_resize": best,
        "margin_db": margin,
        "needed_db": GATE_DB,
        "int8_loss_db": loss,
        "int8_most_db": INT8_MOST_DB,
        "largest_difference_to_torch": difference,
    }


def refuse_unless_finite(figures: Mapping[str, Any]) -> None:
    """Raise SharpcamError naming the first figure that is NaN or infinite."""
    for name, value in figures.items():
        if not math.isfinite(float(value)):
            raise SharpcamError(
                f"The evaluation found {name} to be {value}, which is not a finite number, so nothing is written. "
                'Run "dvc repro --force train" again, with a lower train.learning_rate if it happens again.'
            )


def verdict(scores: Scores, judged: dict[str, Any]) -> list[str]:
    """The result in sentences, also the unwelcome ones."""
    margin, resize = judged["margin_db"], judged["best_resize"].capitalize()
    words = f"The student is {abs(margin):.2f} dB {'above' if margin >= 0 else 'below'} {resize} against the teacher"
    if judged["passed"]:
        sentences = [f"{words}: it passes the gate."]
    elif margin < GATE_DB:
        sentences = [f"{words}; {GATE_DB} dB above are needed. Train longer or on more frames."]
    elif judged["int8_loss_db"] > INT8_MOST_DB:
        loss = f"int8 costs {judged['int8_loss_db']:.2f} dB of it and {INT8_MOST_DB} are allowed"
        sentences = [f"{words}, but {loss}. Train it again, on more frames or from another seed."]
    else:
        sentences = [f"{words}, but ONNX does not answer as torch does. Export it again."]
    if "teacher" not in scores:
        return [*sentences, "There is no truth for these frames, so nothing can be said about the teacher."]
    gain = scores["teacher"]["truth"]["psnr"] - scores["bicubic"]["truth"]["psnr"]
    sentences.append(
        f"Against the truth the teacher is {gain:.2f} dB better than bicubic."
        if gain > 0
        else f"Against the truth the teacher is no better than bicubic ({gain:+.2f} dB): choose another teacher.chain."
    )
    return sentences


def summary(scores: Scores, judged: dict[str, Any]) -> dict[str, float]:
    """The handful of figures that people compare runs by."""
    student = scores["student"]
    references = {f"psnr_to_{reference}": row["psnr"] for reference, row in student.items()}
    flicker = {"flicker": row["flicker"]} if "flicker" in (row := next(iter(student.values()))) else {}
    kept = {"above_resize_db": judged["margin_db"], "int8_loss_db": judged["int8_loss_db"]}
    return references | {"ssim_to_teacher": student["teacher"]["ssim"]} | flicker | kept


def as_table(scores: Scores) -> str:
    """The scores as text."""
    lines = [f"{'method':<14}{'against':<10}{'PSNR dB':>9}{'SSIM':>9}{'L1':>10}{'flicker':>9}"]
    for method, references in scores.items():
        for reference, row in references.items():
            flickers = f"{row['flicker']:>9.3f}" if "flicker" in row else f"{'-':>9}"
            lines.append(
                f"{method:<14}{reference:<10}{row['psnr']:>9.3f}{row['ssim']:>9.4f}{row['l1']:>10.5f}{flickers}"
            )
    return "\n".join(lines)


def cameras_as_table(cameras: Mapping[str, Any]) -> str:
    """How far the student gets on each camera, the user's own first."""
    lines = [f"{'PSNR dB against the teacher':<32}{'frames':>7}{'student':>9}{'bicubic':>9}"]
    for name in own_first(cameras):
        student, bicubic = (cameras[name]["methods"][method]["teacher"]["psnr"] for method in ("student", "bicubic"))
        lines.append(f"{name:<32}{cameras[name]['frames']:>7}{student:>9.3f}{bicubic:>9.3f}")
    return "\n".join(lines)
