"""A student on pictures of any size and of 8 or 16 bits, through tiles where memory asks for it.

Its dials are set from the pictures themselves (`Upscaler.seen`), but for those that were asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame, fit, resize
from pipeline.core.params import GeometryParams
from pipeline.enhance.enhancer import Advance, Measured, State
from pipeline.enhance.fixed_dials import AS_SEEN, Fixed
from pipeline.enhance.sizing import Sizing, at_size
from pipeline.enhance.tiling import tiles
from pipeline.student.catalogue import Model
from pipeline.student.contract import read_contract
from pipeline.student.dials import Dials, in_range
from pipeline.student.engines import ENGINES, REFERENCE, OnnxRuntime
from pipeline.student.runtime import load_student
from pipeline.student.student import Student, start

INT8 = "onnxruntime-int8"  # for an int8 file, where no engine is asked for: it runs everywhere, on any size at once
WHOLE_PX = 1 << 20  # pixels of a picture that is computed in one piece
TILE_PX = 768  # side of a tile of larger ones: some 150 MB of memory
OVERLAP_PX = 40  # further than any student looks
LOOK_PX = 16  # step of the guard's look at an answer
SEEN = 0.1  # of white: pictures with less in them may well become one colour, as snow does


@dataclass(frozen=True)
class Upscaler:
    """A student that doubles pictures of any size; with `target`, it gives all of them that geometry.

    With `sizing`, what it makes is brought to that size.
    """

    student: Student
    contract: Path
    target: GeometryParams | None = None
    strength: float = 1.0  # 0: bicubic, 1: the student, between them a mixture
    fixed: Fixed = AS_SEEN
    sizing: Sizing | None = None
    whole_px: int = WHOLE_PX
    tile_px: int = TILE_PX
    bits: ClassVar[int] = 16

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
            "strength": self.strength,
            "dials": self.dials,
            "fixed": self.fixed.asked,
            "by": self.student.dials_sha256,
            **({"calm": self.student.stream.strength} if self.student.stream else {}),
            **({"size": [self.sizing.factor, self.sizing.pixels]} if self.sizing else {}),
        }

    @property
    def measured(self) -> list[Measured]:
        return []

    @property
    def dials(self) -> Dials | None:
        """What the student is set to; None where it has none, or is not asked."""
        return self.student.dials if self.strength > 0 else None

    def seen(self, frames: Iterable[Frame]) -> "Upscaler":
        """This set to the camera that took all of `frames`, (h, w, 3) uint8 or uint16, as far as that can be told."""
        found = self.student.estimate(map(self._reduced, frames)) if self.strength > 0 else None
        return self if found is None else self.with_dials(found)

    def streaming(self, calm: float) -> "Upscaler":
        """This for the frames of a new stream. Raises what `Student.streaming` raises."""
        return replace(self, student=self.student.streaming(calm))

    def sharing(self, stream_of: "Upscaler") -> "Upscaler":
        """This for the frames of the same stream: what one of the two has fused the other is given, too."""
        return replace(self, student=replace(self.student, stream=stream_of.student.stream))

    def for_pictures(self) -> "Upscaler":
        """This for pictures that have nothing to do with each other."""
        return replace(self, student=replace(self.student, stream=None))

    @property
    def state(self) -> State:
        """What is kept of the stream."""
        return {} if self.student.stream is None else self.student.stream.state()

    def restore(self, state: State) -> None:
        """Resume the stream where `state` was taken."""
        if self.student.stream is not None:
            self.student.stream.restore(state)

    def with_dials(self, dials: Dials) -> "Upscaler":
        """This set to `dials`, but for those that were asked for. Raises what `Student.with_dials` raises."""
        return replace(self, student=self.student.with_dials(self.fixed.instead_of(dials)))

    def with_strength(self, strength: float) -> "Upscaler":
        """This at another strength. Raises SharpcamError where that is not in 0..1."""
        return replace(self, strength=in_range(strength, name="The strength"))

    def with_fixed(self, *, blur: float | None = None, noise: float | None = None) -> "Upscaler":
        """This with dials that stay where they are set. Raises SharpcamError for a student without, and out of 0..1."""
        fixed = Fixed(blur, noise)
        return replace(self, fixed=fixed, student=self.student.turned(**fixed.asked)) if fixed.asked else self

    @cached_property
    def deep(self) -> OnnxRuntime:
        """The student for what 8 bits cannot hold: always the float engine."""
        running = self.student.running
        if self.student.engine != REFERENCE:
            reference = start(read_contract(self.contract), REFERENCE, self.student.threads)
            running = (reference.with_dials(self.student.dials) if self.student.dials else reference).running
        if not isinstance(running, OnnxRuntime):
            raise SharpcamError(f"{REFERENCE} gives no 16-bit pictures here. Convert the picture to 8 bits.")
        return running

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of what is made of a picture of `size`. Raises SharpcamError for another shape than asked."""
        if self.sizing:
            return self.sizing.of(size)
        return self.target.target if self.target else (self.scale * size[0], self.scale * size[1])

    def enhance(self, picture: Frame, advance: Advance | None = None) -> Frame:
        """The enlarged picture of `picture` (h, w, 3), in its type: uint8 or uint16.

        A stream's frames are fused first, but for strength 0, which is plain bicubic.
        Raises SharpcamError where the student answers a picture with a blank, or `sizing` does not suit it.
        """
        height, width = picture.shape[:2]
        size = self.size_of((width, height))
        picture = self._reduced(picture)
        share = height * width / (picture.shape[0] * picture.shape[1])
        told = advance and (lambda px: advance(round(share * px)))
        return at_size(self._answer(picture, told), size)

    def _reduced(self, picture: Frame) -> Frame:
        """`picture` without what `sizing` would lose again."""
        return self.sizing.reduced(picture) if self.sizing else picture

    def _answer(self, picture: Frame, advance: Advance | None) -> Frame:
        if self.strength > 0:
            picture = self.student.fused(picture)
        if self.target:
            picture = fit(picture, geometry=self.target)
        height, width = picture.shape[:2]
        if self.strength == 0:
            if advance:
                advance(height * width)
            return self._doubled(picture)
        even = _padded(picture, multiple=int(self.student.contract["multiple_of"]))
        answer = self._tiled(even, advance)[: self.scale * height, : self.scale * width]
        if _spread(answer) == 0 and _spread(picture) > SEEN:
            raise SharpcamError("The student answered with a blank picture. Take another model, or another --engine.")
        return answer

    def beside(self, plane: Frame) -> Frame:
        """What lies beside the colours, such as alpha (h, w), at the size of their picture: bicubic."""
        size = self.size_of((plane.shape[1], plane.shape[0]))
        if self.target:
            plane = fit(plane, geometry=self.target)
        return at_size(self._doubled(self._reduced(plane)), size)

    def _doubled(self, picture: Frame) -> Frame:
        """`picture` at the size of the answer: bicubic."""
        size = self.scale * picture.shape[1], self.scale * picture.shape[0]
        return resize(picture, size=size, kernel="bicubic")

    def _tiled(self, picture: Frame, advance: Advance | None) -> Frame:
        height, width = picture.shape[:2]
        whole = height * width <= self.whole_px
        tile_px = max(height, width) if whole else self.tile_px
        answer = np.empty((self.scale * height, self.scale * width, 3), picture.dtype)
        for y, x in tiles(height, width, tile_px=tile_px, overlap_px=OVERLAP_PX):
            part = self._mixed(np.ascontiguousarray(picture[y.start : y.end, x.start : x.end]))
            kept = part[_scaled(y.keep_start - y.start, y.keep_end - y.start, self.scale)]
            kept = kept[:, _scaled(x.keep_start - x.start, x.keep_end - x.start, self.scale)]
            answer[_scaled(y.keep_start, y.keep_end, self.scale), _scaled(x.keep_start, x.keep_end, self.scale)] = kept
            if advance:
                advance((y.keep_end - y.keep_start) * (x.keep_end - x.keep_start))
        return answer

    def _mixed(self, part: Frame) -> Frame:
        """bicubic + strength * (student - bicubic)."""
        made = self._run(part)
        if self.strength == 1:
            return made
        return np.asarray(cv2.addWeighted(made, self.strength, self._doubled(part), 1 - self.strength, 0))

    def _run(self, part: Frame) -> Frame:
        if part.dtype == np.uint8:
            return self.student.running.enhance(part)
        most = np.iinfo(part.dtype).max
        batch = np.ascontiguousarray(part.transpose(2, 0, 1)[None], np.float32) / np.float32(most)
        answer = self.deep.infer(batch)[0].transpose(1, 2, 0)
        if not np.isfinite(answer).all():
            raise SharpcamError("The student gave values that are NaN or infinite. Take another model, or train again.")
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
    if engine in ENGINES and ENGINES[engine].form != "int8":
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
