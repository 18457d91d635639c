"""Stage 6: is the student any good? Whole validation frames; beside it bicubic, Lanczos and the teacher itself."""

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch

from pipeline.core.clips import frame_name, remove_tree
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import Frame, enlarge
from pipeline.core.hashing import sha256
from pipeline.core.params import GeometryParams, Params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.student.contract import INT8_MOST_DB, TORCH_MOST
from pipeline.student.engines import Running
from pipeline.student.runtime import load_student
from pipeline.student.student import Student
from pipeline.tracking.run import log_evaluation
from pipeline.tracking.student_notes import run_of_student
from training import metrics

GATE_DB = 0.2  # a student has to be this much better than the better of bicubic and Lanczos
SAMPLE_PX = 480
CAPTION_PX = 32
STILL_LEVELS = {"teacher": 2, "truth": 1}  # grey levels by which a reference may differ where it "does not change"
STILL_SHARE = 0.01  # of a picture, at least, for flicker to be measured on
CALIBRATION_SIDE = 1024  # of the matrix product that tells how fast the machine was just now

THREADS = 2

Students = Mapping[str, Running]  # by method: student, student_int8
Scores = dict[str, dict[str, dict[str, float]]]  # method -> reference -> measure -> value


def evaluate(paths: Paths, params: Params) -> None:
    """The stage: metrics/evaluation.json, sample pictures, metrics/speed.json; the same numbers in the MLflow run."""
    students = load_students(paths)
    places = validation_places(paths)
    scores = score(places, students, paths, params.geometry)
    passed = gate(scores, students["student"].contract)
    sentences = verdict(scores, passed)
    judged = {"methods": scores, "frames": len(places), "gate": passed, "verdict": sentences}
    judged |= {"student_sha256": sha256(paths.student_onnx), "data_sha256": data_sha256(places, paths)}
    write_json(paths.evaluation, judged)
    write_samples(places, students, paths, params)
    write_json(paths.speed, speed(places, students, paths, params))
    log_to_run(judged, paths)
    print(as_table(scores))
    print("\n".join(sentences))


def load_students(paths: Paths) -> dict[str, Student]:
    """The float and the int8 student, in the engine that the others are held to."""
    return {
        "student": load_student(paths.contract, engine="onnxruntime-fp32", threads=THREADS),
        "student_int8": load_student(paths.contract, engine="onnxruntime-int8", threads=THREADS),
    }


def validation_places(paths: Paths) -> list[tuple[str, str]]:
    """(clip, stem) of every validation frame."""
    clips = read_json(paths.split, made_by="split")["validation"]
    return [(clip, stem) for clip, stems in clips.items() for stem in stems]


def methods(students: Students, geometry: GeometryParams) -> dict[str, Callable[[Frame], Frame]]:
    """What is compared: each takes a raw frame to a target picture."""
    return {name: student.enhance for name, student in students.items()} | {
        "bicubic": lambda frame: enlarge(frame, geometry=geometry, kernel="bicubic"),
        "lanczos": lambda frame: enlarge(frame, geometry=geometry, kernel="lanczos"),
    }


def score(places: list[tuple[str, str]], students: Students, paths: Paths, geometry: GeometryParams) -> Scores:
    """Means of each method against the teacher, and against the truth where there is one: PSNR, SSIM, L1, flicker.

    Flicker (grey levels) stands only where frames follow each other and their reference has parts that do not change.
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    before: View | None = None
    for clip, stem in progress(places, what="evaluate"):
        now = look(clip, stem, students, paths, geometry)
        for method, reference in now.comparisons():
            row = measure(now.pictures[method], now.references[reference]) | flicker(before, now, method, reference)
            values = found.setdefault((method, reference), {})
            for name, value in row.items():
                values.setdefault(name, []).append(value)
        before = now
    scores: Scores = {}
    for (method, reference), values in found.items():
        scores.setdefault(method, {})[reference] = {
            name: round(statistics.fmean(several), 6) for name, several in values.items()
        }
    return scores


@dataclass(frozen=True)
class View:
    """One validation frame: what each method makes of it, and what that is compared with."""

    clip: str
    number: int
    pictures: dict[str, Frame]  # by method
    references: dict[str, Frame]  # teacher, and truth where there is one

    def comparisons(self) -> list[tuple[str, str]]:
        """(method, reference) for all that are not the same picture."""
        return [(method, reference) for reference in self.references for method in self.pictures if method != reference]


def look(clip: str, stem: str, students: Students, paths: Paths, geometry: GeometryParams) -> View:
    """Read a frame and its references, and let every method enhance it."""
    name = f"{stem}.png"
    raw, teacher = read_frame(paths.raw / clip / name), read_frame(paths.teacher / clip / name)
    pictures = {method: run(raw) for method, run in methods(students, geometry).items()} | {"teacher": teacher}
    references = {"teacher": teacher}
    if (truth := paths.truth / clip / name).exists():
        references["truth"] = read_frame(truth)
    return View(clip, int(stem), pictures, references)


def flicker(before: View | None, now: View, method: str, reference: str) -> dict[str, float]:
    """How much a method changes, from one frame to the next, where the reference does not: mean grey levels."""
    if before is None or before.clip != now.clip or before.number + 1 != now.number:
        return {}
    if reference not in before.references:
        return {}
    change = cv2.absdiff(before.references[reference], now.references[reference]).max(axis=2)
    still = change <= STILL_LEVELS[reference]
    if still.mean() < STILL_SHARE:
        return {}
    return {"flicker": float(cv2.absdiff(before.pictures[method], now.pictures[method])[still].mean())}


def data_sha256(places: list[tuple[str, str]], paths: Paths) -> str:
    """One hash of all that was measured on: only where it is the same can two evaluations be compared."""
    digest = hashlib.sha256()
    for clip, stem in places:
        for folder in (paths.raw, paths.teacher, paths.truth):
            file = folder / clip / f"{stem}.png"
            digest.update(f"{file.relative_to(paths.root)} {sha256(file) if file.exists() else '-'}\n".encode())
    return digest.hexdigest()


def measure(picture: Frame, reference: Frame) -> dict[str, float]:
    """PSNR (dB), SSIM and L1 (0..1) of one picture."""
    a, b = (torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255 for frame in (picture, reference))
    return {
        "psnr": float(metrics.psnr(a, b)),
        "ssim": float(metrics.ssim(a, b)),
        "l1": float(metrics.mean_absolute(a, b)),
    }


def gate(scores: Scores, contract: dict[str, Any]) -> dict[str, Any]:
    """Whether the student may be promoted: better than a resize, the same as torch, and nearly as good in int8."""
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
        sentences = [f"{words}, but {loss}. Raise export.calibration_frames."]
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


def write_samples(places: list[tuple[str, str]], students: Students, paths: Paths, params: Params) -> None:
    """Cut-outs of a few frames: bicubic, student, teacher and, where there is one, truth side by side."""
    if paths.samples.exists():
        remove_tree(paths.samples)
    count = params.evaluate.sample_frames
    for index, (clip, stem) in enumerate(places[:: max(1, len(places) // count)][:count]):
        raw = read_frame(paths.raw / clip / f"{stem}.png")
        pictures = {
            "bicubic": enlarge(raw, geometry=params.geometry, kernel="bicubic"),
            "student": students["student"].enhance(raw),
            "teacher": read_frame(paths.teacher / clip / f"{stem}.png"),
        }
        if (paths.truth / clip / f"{stem}.png").exists():
            pictures["truth"] = read_frame(paths.truth / clip / f"{stem}.png")
        write_frame(paths.samples / frame_name(index), side_by_side(pictures))


def side_by_side(pictures: dict[str, Frame]) -> Frame:
    """The middle of each picture under its name, in a row."""
    columns = []
    for name, picture in pictures.items():
        side = min(SAMPLE_PX, *picture.shape[:2])
        y, x = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        caption = np.full((CAPTION_PX, side, 3), 255, np.uint8)
        cv2.putText(caption, name, (8, CAPTION_PX - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
        columns.append(np.vstack([caption, picture[y : y + side, x : x + side]]))
    return np.hstack(columns)


def speed(places: list[tuple[str, str]], students: Students, paths: Paths, params: Params) -> dict[str, Any]:
    """Median milliseconds a frame, uint8 to uint8, and beside them what a fixed matrix product took."""
    clip, stem = places[0]
    raw = read_frame(paths.raw / clip / f"{stem}.png")
    runs = params.evaluate.speed_runs
    fastest = load_student(paths.contract)
    compared = methods(students, params.geometry) | {"student_fastest": fastest.enhance}
    square = np.ones((CALIBRATION_SIDE, CALIBRATION_SIDE), np.float32)
    return {
        "median_ms": {name: _median_ms(partial(run, raw), runs) for name, run in compared.items()},
        "fastest": {"engine": fastest.engine, "threads": fastest.threads},
        "calibration_ms": _median_ms(lambda: square @ square, runs),
        "threads": THREADS,
        "runs": runs,
    }


def _median_ms(work: Callable[[], object], runs: int) -> float:
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1e3)
    return round(statistics.median(times), 3)


def log_to_run(judged: dict[str, Any], paths: Paths) -> None:
    """Put the numbers into the MLflow run that trained this student, if it is known here."""
    run = run_of_student(sha256(paths.student), paths) if paths.student.exists() else None
    if run is None:
        print("evaluate: the run that trained this student is not known here; nothing is logged to MLflow")
        return
    log_evaluation(run, judged, paths)
