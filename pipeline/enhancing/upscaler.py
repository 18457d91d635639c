"""A student on pictures of any size and of 8 or 16 bits, through tiles where memory asks for it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from pipeline.engines import ENGINES, REFERENCE, OnnxRuntime
from pipeline.enhancing.tiling import tiles
from pipeline.errors import SharpcamError
from pipeline.geometry import Frame, fit, resize
from pipeline.models import Model
from pipeline.params import GeometryParams
from pipeline.runtime import Student, load_student, read_contract, start

INT8 = "onnxruntime-int8"  # for an int8 file, where no engine is asked for: it runs everywhere, on any size at once
WHOLE_PX = 1 << 20  # pixels of a picture that is computed in one piece
TILE_PX = 768  # side of a tile of larger ones: some 150 MB of memory
OVERLAP_PX = 40  # further than any student looks
LOOK_PX = 16  # step of the guard's look at an answer
SEEN = 0.1  # of white: pictures with less in them may well become one colour, as snow does

Advance = Callable[[int], object]  # told how many pixels of the input are done
Measured = dict[str, dict[str, float]]  # of a picture: by method, by measure


class Enhancer(Protocol):
    """What makes the picture of a file or of a video's frame."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the result."""

    @property
    def measured(self) -> list[Measured]:
        """What was measured of each picture, in their order; stays empty where nothing is."""

    def enhance(self, picture: Frame, advance: Advance | None = None) -> Frame:
        """The picture to be written, of `picture` (h, w, 3) uint8 or uint16."""

    def beside(self, plane: Frame) -> Frame | None:
        """What is written beside it, of alpha (h, w); None where there is no place for that."""


@dataclass(frozen=True)
class Upscaler:
    """A student that doubles pictures of any size; with `target`, it gives all of them that geometry."""

    student: Student
    contract: Path
    target: GeometryParams | None = None
    whole_px: int = WHOLE_PX
    tile_px: int = TILE_PX

    @property
    def scale(self) -> int:
        return int(self.student.contract["scale"])

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "files": self.student.contract["files"],
            "engine": self.student.engine,
            "threads": self.student.threads,
            "target": self.target and self.target.model_dump(),
        }

    @property
    def measured(self) -> list[Measured]:
        return []

    @cached_property
    def deep(self) -> OnnxRuntime:
        """The student for what 8 bits cannot hold: always the float engine."""
        running = self.student.running
        if self.student.engine != REFERENCE:
            running = start(read_contract(self.contract), REFERENCE, self.student.threads).running
        if not isinstance(running, OnnxRuntime):
            raise SharpcamError(f"{REFERENCE} gives no 16-bit pictures here. Convert the picture to 8 bits.")
        return running

    def enhance(self, picture: Frame, advance: Advance | None = None) -> Frame:
        """The enlarged picture of `picture` (h, w, 3), in its type: uint8 or uint16.

        Raises SharpcamError where the student answers a picture with a blank.
        """
        if self.target:
            picture = fit(picture, geometry=self.target)
        height, width = picture.shape[:2]
        even = _padded(picture, multiple=int(self.student.contract["multiple_of"]))
        answer = self._tiled(even, advance)[: self.scale * height, : self.scale * width]
        if _spread(answer) == 0 and _spread(picture) > SEEN:
            raise SharpcamError("The student answered with a blank picture. Take another model, or another --engine.")
        return answer

    def beside(self, plane: Frame) -> Frame:
        """What lies beside the colours, such as alpha (h, w), at the size of their picture: bicubic."""
        if self.target:
            plane = fit(plane, geometry=self.target)
        size = self.scale * plane.shape[1], self.scale * plane.shape[0]
        return resize(plane, size=size, kernel="bicubic")

    def _tiled(self, picture: Frame, advance: Advance | None) -> Frame:
        height, width = picture.shape[:2]
        whole = height * width <= self.whole_px
        tile_px = max(height, width) if whole else self.tile_px
        answer = np.empty((self.scale * height, self.scale * width, 3), picture.dtype)
        for y, x in tiles(height, width, tile_px=tile_px, overlap_px=OVERLAP_PX):
            part = self._run(picture[y.start : y.end, x.start : x.end])
            kept = part[_scaled(y.keep_start - y.start, y.keep_end - y.start, self.scale)]
            kept = kept[:, _scaled(x.keep_start - x.start, x.keep_end - x.start, self.scale)]
            answer[_scaled(y.keep_start, y.keep_end, self.scale), _scaled(x.keep_start, x.keep_end, self.scale)] = kept
            if advance:
                advance((y.keep_end - y.keep_start) * (x.keep_end - x.keep_start))
        return answer

    def _run(self, part: Frame) -> Frame:
        part = np.ascontiguousarray(part)
        if part.dtype == np.uint8:
            return self.student.running.enhance(part)
        most = np.iinfo(part.dtype).max
        batch = np.ascontiguousarray(part.transpose(2, 0, 1)[None], np.float32) / np.float32(most)
        answer = self.deep.infer(batch)[0].transpose(1, 2, 0)
        if not np.isfinite(answer).all():
            raise SharpcamError("The student gave values that are no numbers. Take another model, or train it again.")
        return np.asarray(np.rint(answer.clip(0, 1) * most), part.dtype)


def load_upscaler(
    contract: Path, *, engine: str = "auto", threads: int | None = None, fitted: bool = False
) -> Upscaler:
    """The upscaler of a contract; `fitted`: to the contract's target geometry. Raises what `load_student` raises."""
    student = load_student(contract, engine=engine, threads=threads)
    return Upscaler(student, contract, student.geometry if fitted else None)


def engine_for(model: Model, engine: str) -> str:
    """The engine for a model of which a file may have been named, where `engine` is asked for, which may be "auto".

    Raises SharpcamError where that would run another file than the int8 one that was named.
    """
    if not model.int8:
        return engine
    if engine in ENGINES and not ENGINES[engine].needs_int8_file:
        raise SharpcamError(
            f'{model.title} is an int8 file, and the engine "{engine}" would run the float one. '
            f'Take "{INT8}", or name the float file.'
        )
    return INT8 if engine == "auto" else engine


def _scaled(start: int, end: int, scale: int) -> slice:
    return slice(scale * start, scale * end)


def _padded(picture: Frame, *, multiple: int) -> Frame:
    below, right = -picture.shape[0] % multiple, -picture.shape[1] % multiple
    if not below and not right:
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE))


def _spread(picture: Frame) -> float:
    """How far the brightest lies above the darkest of a picture, of 1, as far as a few of its pixels tell."""
    looked = picture[::LOOK_PX, ::LOOK_PX]
    return float(int(looked.max()) - int(looked.min())) / np.iinfo(picture.dtype).max
