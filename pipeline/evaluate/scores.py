"""The students, the teacher and the plain kernels against teacher and truth, frame by frame."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import cv2
import torch

from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame, enlarge
from pipeline.core.hashing import sha256, sha256_of_text
from pipeline.core.params import GeometryParams
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.evaluate.cameras import Students, on_clips
from pipeline.evaluate.halo import halo
from training import metrics

Scores = dict[str, dict[str, dict[str, float]]]  # method -> reference -> measure -> value
Values = dict[tuple[str, str, str], list[float]]  # (method, reference, measure) -> value of each frame
STILL_LEVELS = {"teacher": 2, "truth": 1}  # grey levels by which a reference may differ where it "does not change"
STILL_SHARE = 0.01  # of a picture, at least, for flicker to be measured on


def methods(students: Students, geometry: GeometryParams) -> dict[str, Callable[[Frame], Frame]]:
    """What is compared: each takes a raw frame to a target picture."""
    return {name: student.enhance for name, student in students.items()} | {
        "bicubic": lambda frame: enlarge(frame, geometry=geometry, kernel="bicubic"),
        "lanczos": lambda frame: enlarge(frame, geometry=geometry, kernel="lanczos"),
    }


def score(places: list[tuple[str, str]], students: Students, paths: Paths, geometry: GeometryParams) -> Scores:
    """Means over all of `places`, which are (clip, stem), as `measure_clips` finds their values."""
    return means(measure_clips(places, students, paths, geometry).values())


def measure_clips(
    places: list[tuple[str, str]], students: Students, paths: Paths, geometry: GeometryParams
) -> dict[str, Values]:
    """By clip, each method against teacher and, where there is one, truth: PSNR, SSIM, L1, flicker, halo.

    A student that reads dials is set to the camera of each clip. Flicker (grey levels) stands only where frames follow
    each other and their reference has parts that do not change, halo (grey levels) only where there are strong edges.
    """
    found: dict[str, Values] = {}
    contestants = on_clips(students, [clip for clip, _ in places], paths)
    before: View | None = None
    for clip, stem in progress(places, what="evaluate"):
        now = look(clip, stem, contestants.on(clip), paths, geometry)
        for method, reference in now.comparisons():
            row = measure(now.pictures[method], now.references[reference])
            row |= flicker(before, now, method, reference) | now.halos[method]
            for name, value in row.items():
                found.setdefault(clip, {}).setdefault((method, reference, name), []).append(value)
        before = now
    return found


def means(clips: Iterable[Values]) -> Scores:
    """The mean of all values of the `clips`, each frame counting alike."""
    together: Values = {}
    for values in clips:
        for key, several in values.items():
            together.setdefault(key, []).extend(several)
    scores: Scores = {}
    for (method, reference, name), several in together.items():
        scores.setdefault(method, {}).setdefault(reference, {})[name] = round(statistics.fmean(several), 6)
    return scores


@dataclass(frozen=True)
class View:
    """One validation frame: what each method makes of it, and what that is compared with."""

    clip: str
    number: int
    pictures: dict[str, Frame]  # by method
    references: dict[str, Frame]  # teacher, and truth where there is one

    @cached_property
    def halos(self) -> dict[str, dict[str, float]]:
        """By method, its halo; it is the same whatever the picture is compared with."""
        found = {method: halo(picture, self.pictures["bicubic"]) for method, picture in self.pictures.items()}
        return {method: {} if value is None else {"halo": value} for method, value in found.items()}

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
    folders = (paths.raw, paths.teacher, paths.truth)
    files = [folder / clip / f"{stem}.png" for clip, stem in places for folder in folders]
    hashes = (f"{file.relative_to(paths.root)} {sha256(file) if file.exists() else '-'}\n" for file in files)
    return sha256_of_text("".join(hashes))


def measure(picture: Frame, reference: Frame) -> dict[str, float]:
    """PSNR (dB), SSIM and L1 (0..1) of one picture."""
    a, b = (torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255 for frame in (picture, reference))
    return {
        "psnr": float(metrics.psnr(a, b)),
        "ssim": float(metrics.ssim(a, b)),
        "l1": float(metrics.mean_absolute(a, b)),
    }
