"""Stage 6: is the student any good? Whole validation frames; beside it bicubic, Lanczos and the teacher itself."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch

from pipeline import tracking
from pipeline.files import read_json, write_json
from pipeline.frames import frame_name, read_frame, remove_tree, write_frame
from pipeline.geometry import Frame, enlarge
from pipeline.params import GeometryParams, Params
from pipeline.paths import Paths
from pipeline.progress import progress
from pipeline.runtime import Student, load_student, sha256
from pipeline.stage import run_stage
from training import metrics

GATE_DB = 0.2  # a student has to be this much better than the better of bicubic and Lanczos
SAMPLE_PX = 480
CAPTION_PX = 32
CALIBRATION_SIDE = 1024  # of the matrix product that tells how fast the machine was just now

Scores = dict[str, dict[str, dict[str, float]]]  # method -> reference -> measure -> value


def evaluate(paths: Paths, params: Params) -> None:
    """The stage: metrics/evaluation.json, sample pictures, metrics/speed.json; the same numbers in the MLflow run."""
    student = load_student(paths.contract)
    places = validation_places(paths)
    scores = score(places, student, paths, params.geometry)
    passed = gate(scores)
    sentences = verdict(scores, passed)
    judged = {"methods": scores, "frames": len(places), "gate": passed, "verdict": sentences}
    write_json(paths.evaluation, judged)
    write_samples(places, student, paths, params)
    write_json(paths.speed, speed(places, student, paths, params))
    log_to_run(judged, paths)
    print(as_table(scores))
    print("\n".join(sentences))


def validation_places(paths: Paths) -> list[tuple[str, str]]:
    """(clip, stem) of every validation frame."""
    clips = read_json(paths.split, made_by="split")["validation"]
    return [(clip, stem) for clip, stems in clips.items() for stem in stems]


def methods(student: Student, geometry: GeometryParams) -> dict[str, Callable[[Frame], Frame]]:
    """What is compared: each takes a raw frame to a target picture."""
    return {
        "student": student.enhance,
        "bicubic": lambda frame: enlarge(frame, geometry=geometry, kernel="bicubic"),
        "lanczos": lambda frame: enlarge(frame, geometry=geometry, kernel="lanczos"),
    }


def score(places: list[tuple[str, str]], student: Student, paths: Paths, geometry: GeometryParams) -> Scores:
    """Mean PSNR, SSIM and L1 of each method against the teacher, and against the truth where there is one."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for clip, stem in progress(places, what="evaluate"):
        name = f"{stem}.png"
        raw, teacher = read_frame(paths.raw / clip / name), read_frame(paths.teacher / clip / name)
        pictures = {method: run(raw) for method, run in methods(student, geometry).items()}
        for method, picture in pictures.items():
            found.setdefault((method, "teacher"), []).append(measure(picture, teacher))
        if (paths.truth / clip / name).exists():
            truth = read_frame(paths.truth / clip / name)
            for method, picture in (pictures | {"teacher": teacher}).items():
                found.setdefault((method, "truth"), []).append(measure(picture, truth))
    scores: Scores = {}
    for (method, reference), rows in found.items():
        means = {name: round(statistics.fmean(row[name] for row in rows), 6) for name in rows[0]}
        scores.setdefault(method, {})[reference] = means
    return scores


def measure(picture: Frame, reference: Frame) -> dict[str, float]:
    """PSNR (dB), SSIM and L1 (0..1) of one picture."""
    a, b = (torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255 for frame in (picture, reference))
    return {
        "psnr": float(metrics.psnr(a, b)),
        "ssim": float(metrics.ssim(a, b)),
        "l1": float(metrics.mean_absolute(a, b)),
    }


def gate(scores: Scores) -> dict[str, Any]:
    """Whether the student may be promoted, and by how much."""
    best = max(("bicubic", "lanczos"), key=lambda method: scores[method]["teacher"]["psnr"])
    margin = round(scores["student"]["teacher"]["psnr"] - scores[best]["teacher"]["psnr"], 6)
    return {"passed": margin >= GATE_DB, "best_resize": best, "margin_db": margin, "needed_db": GATE_DB}


def verdict(scores: Scores, judged: dict[str, Any]) -> list[str]:
    """The result in sentences, also the unwelcome ones."""
    margin, resize = judged["margin_db"], judged["best_resize"].capitalize()
    words = f"{abs(margin):.2f} dB {'above' if margin >= 0 else 'below'} {resize} against the teacher"
    sentences = [
        f"The student is {words}: it passes the gate."
        if judged["passed"]
        else f"The student is {words}; {GATE_DB} dB above are needed. Train longer or on more frames."
    ]
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
    lines = [f"{'method':<10}{'against':<10}{'PSNR dB':>9}{'SSIM':>9}{'L1':>10}"]
    for method, references in scores.items():
        for reference, row in references.items():
            lines.append(f"{method:<10}{reference:<10}{row['psnr']:>9.3f}{row['ssim']:>9.4f}{row['l1']:>10.5f}")
    return "\n".join(lines)


def write_samples(places: list[tuple[str, str]], student: Student, paths: Paths, params: Params) -> None:
    """Cut-outs of a few frames: bicubic, student, teacher and, where there is one, truth side by side."""
    if paths.samples.exists():
        remove_tree(paths.samples)
    count = params.evaluate.sample_frames
    for index, (clip, stem) in enumerate(places[:: max(1, len(places) // count)][:count]):
        raw = read_frame(paths.raw / clip / f"{stem}.png")
        pictures = {
            "bicubic": enlarge(raw, geometry=params.geometry, kernel="bicubic"),
            "student": student.enhance(raw),
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


def speed(places: list[tuple[str, str]], student: Student, paths: Paths, params: Params) -> dict[str, Any]:
    """Median milliseconds a frame, uint8 to uint8, and beside them what a fixed matrix product took."""
    clip, stem = places[0]
    raw = read_frame(paths.raw / clip / f"{stem}.png")
    runs = params.evaluate.speed_runs
    compared = methods(student, params.geometry)
    times = {name: _median_ms(partial(run, raw), runs) for name, run in compared.items()}
    square = np.ones((CALIBRATION_SIDE, CALIBRATION_SIDE), np.float32)
    return {"median_ms": times, "calibration_ms": _median_ms(lambda: square @ square, runs), "threads": 2, "runs": runs}


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
    run = tracking.run_of_student(sha256(paths.student), paths) if paths.student.exists() else None
    if run is None:
        print("evaluate: the run that trained this student is not known here; nothing is logged to MLflow")
        return
    flat = tracking.flatten(judged["methods"])
    run.log_metrics({f"evaluation.{name}": float(value) for name, value in flat.items()})
    run.set_tag("gate", json.dumps(judged["gate"]))
    for file in (paths.evaluation, paths.samples):
        run.log_artifact(file, folder="evaluation")


if __name__ == "__main__":
    sys.exit(run_stage("evaluate", evaluate))
