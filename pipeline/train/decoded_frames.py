"""Frames of a split, decoded when a training first asks for them. As many as there is room for stay in memory."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pipeline.core.clip_hashes import noted_hashes
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame, fit
from pipeline.core.hashing import sha256, sha256_of_json
from pipeline.core.params import GeometryParams
from pipeline.core.paths import Paths
from training.pairs import Frames

Split = dict[str, dict[str, list[str]]]  # part -> clip -> stems
THREADS = 4  # that decode: most of it is not Python


@dataclass(frozen=True)
class DecodedFrames:
    """The frames of one part of the split. Files are read when a frame is asked for, and refused where damaged."""

    names: list[str]  # <clip>/<stem>
    paths: Paths
    geometry: GeometryParams
    hashes: list[tuple[str, str]]  # of the files of each frame, raw and teacher's
    kept: int  # frames that may stay in memory

    def __len__(self) -> int:
        return len(self.names)

    def sha256(self) -> str:
        """Hash of the names, of the files and of how they are fitted: what is measured on others is another figure."""
        return sha256_of_json([self.names, self.hashes, self.geometry.model_dump()])

    @cached_property
    def inputs(self) -> Frames:
        """What the student sees."""
        return self._frames(self.paths.raw, self.geometry.student_input, partial(fit, geometry=self.geometry))

    @cached_property
    def targets(self) -> Frames:
        """The teacher's pictures."""
        return self._frames(self.paths.teacher, self.geometry.target, lambda frame: frame)

    def _frames(self, folder: Path, size: tuple[int, int], prepare: Callable[[Frame], Frame]) -> Frames:
        width, height = size
        files = tuple(folder / f"{name}.png" for name in self.names)
        with torch.inference_mode(False):  # a tensor that was made while one validates could not be written to later
            store = torch.empty((self.kept + OnDemand.AT_ONCE, height, width, 3), dtype=torch.uint8)  # no memory yet
            slots = torch.full((len(files),), -1)
        return OnDemand(store, slots, files, prepare)

    def input(self, index: int) -> Frame:
        """What the student sees of frame `index`."""
        return np.asarray(self.inputs.frame(index)[0])

    def target(self, index: int) -> Frame:
        """The teacher's picture of frame `index`."""
        return np.asarray(self.targets.frame(index)[0])

    def some(self, at_most: int) -> "DecodedFrames":
        """At most so many of the frames, evenly spread."""
        count = min(at_most, len(self))
        chosen = [index * len(self) // count for index in range(count)]
        return replace(
            self,
            names=[self.names[index] for index in chosen],
            hashes=[self.hashes[index] for index in chosen],
            kept=min(self.kept, count),
        )


@dataclass(frozen=True)
class OnDemand(Frames):
    """Pictures in files: those that were decoded first stay in the store, behind them is room for AT_ONCE others."""

    AT_ONCE: ClassVar[int] = 16

    files: tuple[Path, ...]
    prepare: Callable[[Frame], Frame]
    noted: dict[Path, dict[str, str]] = field(default_factory=dict)  # of the clips, each read once

    def hold(self, numbers: Tensor) -> Tensor:
        missing = [number for number in sorted(set(numbers.tolist())) if self.slots[number] < 0]
        if not missing:
            return self.slots[numbers]
        kept, first = len(self.store) - self.AT_ONCE, int(self.slots.max()) + 1
        places = dict(zip(missing, [*range(first, kept), *range(kept, len(self.store))], strict=False))
        self._decode(places)
        here = self.slots.clone()
        for number, slot in places.items():
            here[number] = slot
            if slot < kept:
                self.slots[number] = slot
        return here[numbers]

    def _decode(self, places: dict[int, int]) -> None:
        for folder in {self.files[number].parent for number in places} - self.noted.keys():
            self.noted[folder] = noted_hashes(folder)
        with ThreadPoolExecutor(min(THREADS, len(places))) as pool:
            list(pool.map(self._fill, places, places.values()))

    def _fill(self, number: int, slot: int) -> None:
        file, (height, width) = self.files[number], self.size
        frame = self.prepare(read_frame(file, noted=self.noted[file.parent]))
        if frame.shape != (height, width, 3):
            raise SharpcamError(
                f"{file} has {frame.shape[1]}x{frame.shape[0]} pixels, not {width}x{height}. "
                f"Run the stage that writes it again."
            )
        self.store[slot] = torch.from_numpy(np.ascontiguousarray(frame))


def decoded_frames(
    split: Split, *, paths: Paths, geometry: GeometryParams, memory_gb: float = 4
) -> dict[str, DecodedFrames]:
    """The frames of each part of the split. Up to `memory_gb` of them stay in memory, the first parts' before others'.

    Raises SharpcamError for a frame that is missing; for one that is misshapen or damaged once it is asked for.
    """
    (width, height), (small_width, small_height) = geometry.target, geometry.student_input
    room = int(memory_gb * 1e9) // (3 * (width * height + small_width * small_height))
    parts = {}
    for part, clips in split.items():
        names = [f"{clip}/{stem}" for clip, stems in clips.items() for stem in stems]
        hashes = list(zip(*(_hashes(folder, clips) for folder in (paths.raw, paths.teacher)), strict=True))
        parts[part] = DecodedFrames(names, paths, geometry, hashes, min(room, len(names)))
        room -= parts[part].kept
    return parts


def _hashes(folder: Path, clips: dict[str, list[str]]) -> Iterable[str]:
    """Those noted when the files were written: nothing has to be read for them."""
    for clip, stems in clips.items():
        noted = noted_hashes(folder / clip)
        for stem in stems:
            file = folder / clip / f"{stem}.png"
            if not file.is_file():
                raise SharpcamError(f"No frame at {file}. Run the stage that writes it again.")
            yield noted.get(file.name) or sha256(file)
