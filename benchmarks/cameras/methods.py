"""What is compared: every way to double a picture, behind one small interface.

A Method is asked to `begin` with the frames that it may look at before it answers: all of a clip, or one picture. What
it gives is an Enlarging, which doubles a frame. To add one: a class with `name` and `begin`, and a line in `methods`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from pipeline.core.clips import evenly_spread
from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import KERNELS, Frame
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.enhance.upscaler import Upscaler, load_upscaler
from pipeline.student.catalogue import Model, bundled_contracts
from pipeline.student.clip_dials import LOOKED_AT
from pipeline.student.dials import Dials
from pipeline.student.engines import REFERENCE, cores
from pipeline.student.estimator import Estimator
from pipeline.teacher.cameras import clip_reader
from pipeline.teacher.chain import Chain, build_chain
from pipeline.teacher.device import Engine
from training.pictures import to_uint8

if TYPE_CHECKING:
    from torch import nn

BICUBIC = "bicubic"
RESIZES = (BICUBIC, "lanczos")
SCALE = 2
CLIP_FRAMES = 2  # from so many on, frames are those of a clip
WEIGHTS = (".safetensors", ".pth")


@dataclass(frozen=True)
class Enlarging:
    """A method that has begun: with the same `dials` it makes the same of the same frame."""

    enhance: Callable[[Frame], Frame]  # (h, w, 3) uint8 to (2h, 2w, 3) uint8
    dials: tuple[float, ...] = ()  # what it took the camera for; empty where it asks for none


class Method(Protocol):
    """A way to double pictures."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    def begin(self, frames: Sequence[Frame]) -> Enlarging:
        """Ready for frames of the camera that made `frames`, each (h, w, 3) uint8, in their order."""


@dataclass(frozen=True)
class Resize:
    """One of OpenCV's kernels."""

    name: str

    def begin(self, frames: Sequence[Frame]) -> Enlarging:
        del frames
        return Enlarging(partial(doubled, kernel=self.name))


@dataclass(frozen=True)
class Student:
    """An exported student, as `pipeline.enhance` runs it, in its float engine."""

    name: str
    upscaler: Upscaler

    def begin(self, frames: Sequence[Frame]) -> Enlarging:
        """Its dials set themselves from `frames`."""
        upscaler = self.upscaler.seen(frames)
        return Enlarging(upscaler.enhance, upscaler.dials or ())


@dataclass(frozen=True)
class Teacher:
    """A chain of params.yaml, at twice the size of whatever it is given."""

    name: str
    chain: Chain
    estimator: Estimator | None = None

    def begin(self, frames: Sequence[Frame]) -> Enlarging:
        """Told the dials of `frames`, as the stage does with a clip; of a lone one it reads what it needs itself."""
        dials = self._dials(frames)
        return Enlarging(partial(self._enhance, dials=dials), dials or ())

    def _dials(self, frames: Sequence[Frame]) -> Dials | None:
        if self.estimator is None or len(frames) < CLIP_FRAMES:
            return None
        return self.estimator.estimate(evenly_spread(frames, LOOKED_AT))

    def _enhance(self, frame: Frame, *, dials: Dials | None) -> Frame:
        return self.chain.with_dials(dials).doubled(frame)


@dataclass(frozen=True)
class Network:
    """A network in torch, from its weights: a training is validated with it before anything is exported."""

    name: str
    model: "nn.Module"
    dials: tuple[float, ...] = ()  # what it is told of every camera; empty: nothing, which means neutral

    def begin(self, frames: Sequence[Frame]) -> Enlarging:
        """Ready; `frames` change nothing."""
        del frames
        return Enlarging(self._enhance, self.dials)

    def _enhance(self, frame: Frame) -> Frame:
        import torch

        given = [torch.from_numpy(frame).permute(2, 0, 1)[None] / 255]  # (1, 3, h, w), 0..1
        given += [torch.tensor([self.dials])] if self.dials else []
        with torch.inference_mode():
            picture = to_uint8(self.model(*given))[0].permute(1, 2, 0).numpy()
        return np.ascontiguousarray(picture)


def doubled(frame: Frame, *, kernel: str) -> Frame:
    """`frame` at twice its size by one of OpenCV's kernels."""
    size = SCALE * frame.shape[1], SCALE * frame.shape[0]
    return np.asarray(cv2.resize(frame, size, interpolation=KERNELS[kernel]))


def methods(names: list[str] | None, params: Params, paths: Paths) -> tuple[list[Method], dict[str, str]]:
    """The methods of those names, bicubic first, and why others cannot run here, by name.

    None: all that are known. Raises SharpcamError for one that is asked for and is unknown or cannot run.
    """
    known = catalogue(params, paths)
    ready: list[Method] = [Resize(BICUBIC)]
    left_out = {}
    for name in names or known:
        if name in [method.name for method in ready]:
            continue
        try:
            ready.append(known[name]() if name in known else of_file(name, list(known)))
        except SharpcamError as error:
            if names:
                raise
            left_out[name] = str(error)
    return ready, left_out


def of_file(name: str, known: Sequence[str]) -> Method:
    """The method of a file: a student's FILE.json, or FILE.safetensors or FILE.pth, also with dials: FILE.pth@0,1,0,0.

    Raises SharpcamError where it is none, naming what is `known`.
    """
    file, _, dials = name.partition("@")
    if not Path(file).is_file() or Path(file).suffix not in (".json", *WEIGHTS):
        raise SharpcamError(
            f'No method "{name}"; there are: {", ".join(known)}, or name the .json of an exported student or a file of '
            "weights."
        )
    return student(name, Path(file)) if Path(file).suffix == ".json" else network(name, Path(file), dials)


def network(name: str, file: Path, dials: str) -> Network:
    """The network in `file`, told `dials`: numbers with commas between. Raises SharpcamError where it cannot run."""
    from training import checkpoints

    values = as_dials(dials) if dials else ()
    try:
        model, _ = checkpoints.load(file)
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f"{error}. Name another file.") from None
    if values and getattr(model, "dials", None) is None:
        raise SharpcamError(f"{file} has no dials. Name it without what follows the @.")
    return Network(name, model, values)


def as_dials(text: str) -> tuple[float, ...]:
    """The dials in `text`, numbers with commas between. Raises SharpcamError for anything else."""
    from training.models.dials import DIALS

    try:
        values = tuple(float(value) for value in text.split(","))
    except ValueError:
        values = ()
    if len(values) != len(DIALS) or not all(0 <= value <= 1 for value in values):
        raise SharpcamError(f'"{text}" are not valid dials. Write {", ".join(DIALS)} from 0 to 1: 0.2,0.5,0,0.4.')
    return values


def catalogue(params: Params, paths: Paths) -> dict[str, Callable[[], Method]]:
    """What makes each method, by name."""
    kernels = {name: partial(Resize, name) for name in RESIZES}
    students = dict(students_in(paths.bundled))
    chains = {name: partial(teacher, name, params, paths) for name in params.teacher.chains}
    return {**kernels, **students, **chains}


def students_in(folder: Path) -> Iterator[tuple[str, Callable[[], Method]]]:
    """Each student as `pipeline.enhance` takes it for files, and with _live behind its name as live video gets it."""
    for file in sorted(bundled_contracts(folder)):
        larger = Model(file.stem, file.stem, file).for_files
        yield file.stem, partial(student, file.stem, larger)
        if larger != file:
            yield f"{file.stem}_live", partial(student, f"{file.stem}_live", file)


def student(name: str, contract: Path) -> Student:
    """The student of a contract. Raises SharpcamError where it cannot run."""
    return Student(name, load_upscaler(contract, engine=REFERENCE, threads=cores()))


def teacher(name: str, params: Params, paths: Paths) -> Teacher:
    """The chain of that name, loaded. Raises SharpcamError where it cannot run here, as its weights are missing."""
    engine = Engine(paths.bundled, paths.downloads, params.teacher.device, params.teacher.precision)
    chosen = params.teacher.model_copy(update={"chain": name})
    chain = build_chain(chosen, geometry=params.geometry, engine=engine)
    chain.load()
    reader = clip_reader(paths) if chain.takes_dials else None
    return Teacher(name, chain, reader.estimator if reader else None)
