"""The student's picture beside another's, and a table of both: for those who choose a model by their own pictures."""

import csv
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.files import told_of, whole_file
from pipeline.core.frames import in_8_bits
from pipeline.core.geometry import Frame, enlarge, fit, resize
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.enhance.enhancer import Advance, Measured, State
from pipeline.enhance.upscaler import INT8, Upscaler, load_upscaler
from pipeline.student.catalogue import Model
from pipeline.student.dials import Dials
from pipeline.student.engines import ENGINES, REFERENCE

CAPTION_PX = 24
SSIM_PX = 11  # side of its window
STRIP_PX = 1 << 20  # pixels that are compared at a time: floats take many times the memory of a picture
TEACHER, RESIZES = "teacher", ("bicubic", "lanczos")
MEASURES = ["ms", "back_psnr", "psnr", "ssim"]

Make = Callable[[Frame], Frame]


@dataclass
class Comparison:
    """An enhancer that gives [other | student], and keeps the measures of each picture of one file."""

    student: Upscaler
    other: Make | Upscaler
    name: str  # of the other
    settings: dict[str, Any]
    measured: list[Measured] = field(default_factory=list)
    bits: ClassVar[int] = 8  # resizes, teachers and captions know no more

    @property
    def identity(self) -> dict[str, Any]:
        known = {"compare": self.name, "measures": MEASURES, "settings": self.settings}
        return known | {"student": self.student.identity}

    @property
    def dials(self) -> Dials | None:
        return self.student.dials

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        width, height = self.student.size_of(size)
        return 2 * width, height

    def seen(self, frames: Iterable[Frame]) -> "Comparison":
        """The same with both students, where there are two, set to the camera of `frames`; the measures are shared."""
        other = self.other.seen(frames) if isinstance(self.other, Upscaler) else self.other
        settings = other.identity if isinstance(other, Upscaler) else self.settings
        return replace(self, student=self.student.seen(frames), other=other, settings=settings)

    def streaming(self, calm: float) -> "Comparison":
        """The same with both students, where there are two, for the frames of a new stream, which they share."""
        student = self.student.streaming(calm)
        other = self.other.sharing(student) if isinstance(self.other, Upscaler) else self.other
        return replace(self, student=student, other=other)

    @property
    def state(self) -> State:
        """What is kept of the stream."""
        return self.student.state

    def restore(self, state: State) -> None:
        """Resume the stream where `state` was taken."""
        self.student.restore(state)

    def enhance(self, picture: Frame, advance: Advance | None = None) -> Frame:
        """Both pictures in a row, each under its name: (H, 2 W, 3) uint8."""
        picture = in_8_bits(picture)
        other = self.other.enhance if isinstance(self.other, Upscaler) else self.other
        left, theirs = self._measured(other, picture)
        row = np.empty((left.shape[0], 2 * left.shape[1], 3), np.uint8)
        halves = {self.name: row[:, : left.shape[1]], "student": row[:, left.shape[1] :]}
        halves[self.name][:] = left
        del left  # a large picture is not kept beside the row
        halves["student"][:], ours = self._measured(self.student.enhance, picture)
        ours |= likeness(halves["student"], halves[self.name])
        rows = {self.name: theirs, "student": ours}
        self.measured.append({name: {key: round(value, 4) for key, value in row.items()} for name, row in rows.items()})
        for name, half in halves.items():
            caption(half, name)
        if advance:
            advance(picture.shape[0] * picture.shape[1])
        return row

    def _measured(self, make: Make, picture: Frame) -> tuple[Frame, dict[str, float]]:
        """What is made of a picture, and its measures."""
        started = time.perf_counter()
        made = make(picture)
        spent_ms = 1e3 * (time.perf_counter() - started)
        return made, {"ms": spent_ms} | measures(made, picture, self.student)

    def beside(self, plane: Frame) -> None:
        """Nothing: two pictures in a row are to be looked at."""

    def anew(self) -> "Comparison":
        """The same, for the pictures of another file."""
        return replace(self, measured=[])


def write_table(measured: list[Measured], file: Path, *, other: str) -> None:
    """The table as CSV, and on the screen: a row a method, means over the pictures, the median of the times."""
    rows = [_means(method, [each[method] for each in measured]) for method in measured[0]]
    with told_of(file), whole_file(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, ["method", "pictures", *MEASURES])
        table.writeheader()
        table.writerows(rows)
    print(f"{'method':<24}{'pictures':>9}{'ms':>10}{'back dB':>9}{f'to {other} dB':>18}{'SSIM':>8}")
    for row in rows:
        print(
            f"{row['method']:<24}{row['pictures']:>9}{row['ms']:>10.1f}{row['back_psnr']:>9.2f}"
            f"{row['psnr'] or '-':>18}{row['ssim'] or '-':>8}"
        )
    print("back dB: the picture, reduced again, against the input: how faithful it is to what the camera saw")


def _means(method: str, pictures: list[dict[str, float]]) -> dict[str, Any]:
    row: dict[str, Any] = {"method": method, "pictures": len(pictures)}
    for measure in MEASURES:
        values = [each[measure] for each in pictures if measure in each]
        mean = statistics.median if measure == "ms" else statistics.fmean
        row[measure] = round(mean(values), 4) if values else ""
    return row


def measures(made: Frame, picture: Frame, student: Upscaler) -> dict[str, float]:
    """How near a picture comes to its input where it is reduced to its size again: PSNR, dB."""
    given = fit(picture, geometry=student.target) if student.target else picture
    back = resize(made, size=(given.shape[1], given.shape[0]), kernel="area")
    return {"back_psnr": min(100.0, cv2.PSNR(back, given))}


def likeness(made: Frame, other: Frame) -> dict[str, float]:
    """PSNR (dB) and SSIM of one picture to another, by the strip; torch is loaded only for this."""
    import torch

    from training import metrics

    near = {"psnr": min(100.0, cv2.PSNR(made, other))}
    height, width = made.shape[:2]
    windows = height - SSIM_PX + 1  # of a column
    if min(windows, width - SSIM_PX + 1) < 1:
        return near
    step, total = max(1, STRIP_PX // width), 0.0
    for start in range(0, windows, step):
        strips = (np.ascontiguousarray(each[start : start + step + SSIM_PX - 1]) for each in (made, other))
        a, b = (torch.from_numpy(strip).permute(2, 0, 1)[None].float() / 255 for strip in strips)
        total += float(metrics.ssim(a, b)) * min(step, windows - start)
    return near | {"ssim": total / windows}


def caption(picture: Frame, name: str) -> None:
    """Write a name into the corner of a picture."""
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, name, (6, CAPTION_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)


def compare(student: Upscaler, what: str, find: Callable[[str], Model]) -> Comparison:
    """The student against the teacher, a resize, or another model of that name, in the same engine.

    Where that would run another file than the one that was named, in the plain engine of that file's kind.
    """
    if what in RESIZES:
        return Comparison(student, _resizing(student, what), what, {})
    if what == TEACHER:
        return _with_teacher(student)
    model, ours, engine = find(what), student.student, student.student.engine
    if model.int8 not in (None, ENGINES[engine].form == "int8"):
        engine = INT8 if model.int8 else REFERENCE
    other = load_upscaler(model.contract, engine=engine, threads=ours.threads, fitted=student.target is not None)
    other = replace(other, sizing=student.sizing)
    return Comparison(student, other, what, other.identity)


def _resizing(student: Upscaler, kernel: str) -> Make:
    def make(picture: Frame) -> Frame:
        if student.target:
            return enlarge(picture, geometry=student.target, kernel=kernel)
        return resize(picture, size=student.size_of((picture.shape[1], picture.shape[0])), kernel=kernel)

    return make


def _with_teacher(student: Upscaler) -> Comparison:
    from pipeline.teacher.chain import build_chain  # it loads torch
    from pipeline.teacher.device import Engine

    paths = Paths.here()
    params = load_params(paths.params)
    if student.target != params.geometry:
        raise SharpcamError(
            "The teacher gives the geometry of params.yaml, this student another. Name another --model."
        )
    engine = Engine(paths.bundled, paths.downloads, params.teacher.device, params.teacher.precision)
    chain = build_chain(params.teacher, geometry=params.geometry, engine=engine)
    chain.load()
    return Comparison(student, lambda picture: chain.enhance(picture).frame, TEACHER, chain.recipe())
