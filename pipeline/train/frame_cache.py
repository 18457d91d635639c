"""Decoded frames in one memory-mapped file a role: each is decoded once, and again only where its own file changed.

What is in such a file is never overwritten, so that a training which still reads it is not disturbed: new frames are
appended, and where old ones became useless, those still wanted move to a file that takes its place.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from pipeline.core.clip_hashes import noted_hashes
from pipeline.core.errors import SharpcamError
from pipeline.core.files import move_file, recall_json, sync, write_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame, fit
from pipeline.core.params import GeometryParams
from pipeline.core.paths import Paths
from pipeline.core.progress import progress

Split = dict[str, dict[str, list[str]]]  # part -> clip -> stems


@dataclass(frozen=True)
class DecodedFrames:
    """The frames of one part of the split, ready for crops. A slot is a picture's place in its store."""

    names: list[str]  # <clip>/<stem>
    inputs: np.memmap[Any, Any]  # store (S, h, w, 3), uint8, at the student's input size
    targets: np.memmap[Any, Any]  # store (T, H, W, 3), uint8, at target size: the teacher's pictures
    input_slots: NDArray[np.int64]  # (F,)
    target_slots: NDArray[np.int64]  # (F,)

    def __len__(self) -> int:
        return len(self.names)

    def sha256(self) -> str:
        """Hash of the names and pixels of all of them: what is measured on others cannot be compared."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        for index in range(len(self)):
            digest.update(np.ascontiguousarray(self.input(index)).data)
            digest.update(np.ascontiguousarray(self.target(index)).data)
        return digest.hexdigest()

    def input(self, index: int) -> Frame:
        """What the student sees of frame `index`."""
        picture: Frame = self.inputs[self.input_slots[index]]
        return picture

    def target(self, index: int) -> Frame:
        """The teacher's picture of frame `index`."""
        picture: Frame = self.targets[self.target_slots[index]]
        return picture


def decoded_frames(split: Split, *, paths: Paths, geometry: GeometryParams) -> dict[str, DecodedFrames]:
    """The frames of each part of the split, decoded. Raises SharpcamError for a frame that is missing or misshapen."""
    names = {
        part: [f"{clip}/{stem}" for clip, stems in clips.items() for stem in stems] for part, clips in split.items()
    }
    every = [f"{name}.png" for part in names.values() for name in part]
    raws, teachers = ([folder / name for name in every] for folder in (paths.raw, paths.teacher))
    inputs, targets = stores(paths, geometry)
    input_slots, target_slots = inputs.hold(raws), targets.hold(teachers)

    def part(names: list[str]) -> DecodedFrames:
        def slots(of: dict[Path, int], folder: Path) -> NDArray[np.int64]:
            return np.array([of[folder / f"{name}.png"] for name in names], np.int64)

        return DecodedFrames(
            names,
            inputs.mapped(),
            targets.mapped(),
            slots(input_slots, paths.raw),
            slots(target_slots, paths.teacher),
        )

    return {name: part(members) for name, members in names.items()}


def stores(paths: Paths, geometry: GeometryParams) -> tuple["Store", "Store"]:
    """What the student sees, and the teacher's pictures."""
    return (
        Store("input", paths, geometry, geometry.student_input, lambda frame: fit(frame, geometry=geometry)),
        Store("target", paths, geometry, geometry.target, lambda frame: frame),
    )


@dataclass(frozen=True)
class Store:
    """Pictures of one size, one behind the other in a file; an index beside it says which picture lies where."""

    role: str
    paths: Paths
    geometry: GeometryParams
    size: tuple[int, int]  # (width, height)
    prepare: Callable[[Frame], Frame]

    @property
    def data(self) -> Path:
        return self.paths.cache / "frames" / f"{self.role}.u8"

    @property
    def index(self) -> Path:
        return self.data.with_suffix(".json")

    def mapped(self) -> np.memmap[Any, Any]:
        """All pictures, (S, height, width, 3)."""
        return self._open(self.data, "c")  # "c": torch wants arrays that it could write to

    def hold(self, files: list[Path]) -> dict[Path, int]:
        """Have all of `files` decoded; gives the slot of each."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        keys = {file: self._key(file) for file in files}
        with FileLock(self.data.with_suffix(".lock")):
            known = self._known()
            slots = {key: known[key] for key in keys.values() if key in known}
            missing = [file for file, key in keys.items() if key not in slots]
            if missing and len(slots) < len(known):
                slots = self._move(slots)
            if missing:
                self._append(missing, first=len(slots))
                slots |= {keys[file]: slot for slot, file in enumerate(missing, start=len(slots))}
                self._know(slots)
        return {file: slots[key] for file, key in keys.items()}

    def held(self) -> dict[Path, int]:
        """The slot of each file that is there as it was when it was decoded."""
        named = {self.paths.root / key.rsplit(" ", 2)[0]: (key, slot) for key, slot in self._known().items()}
        return {file: slot for file, (key, slot) in named.items() if file.is_file() and self._key(file) == key}

    def is_as_decoded(self, file: Path, slot: int) -> bool:
        """Whether a slot holds what its file gives when it is decoded. Raises SharpcamError for a broken file."""
        return bool(np.array_equal(self.mapped()[slot], self.prepare(read_frame(file))))

    def _key(self, file: Path) -> str:
        try:
            status = file.stat()
        except FileNotFoundError:
            raise SharpcamError(f"No frame at {file}. Run the stage that writes it again.") from None
        return f"{file.relative_to(self.paths.root)} {status.st_size} {status.st_mtime_ns}"

    def _known(self) -> dict[str, int]:
        """The slot of each picture that is there; none of another geometry."""
        index = recall_json(self.index)
        slots: Any = index.get("slots")
        if not isinstance(slots, dict) or index.get("geometry") != self.geometry.model_dump():
            return {}
        here = self.data.stat().st_size // self._bytes if self.data.exists() else 0
        return dict(slots) if here >= len(slots) else {}

    def _know(self, slots: dict[str, int]) -> None:
        write_json(self.index, {"geometry": self.geometry.model_dump(), "slots": slots})

    def _move(self, slots: dict[str, int]) -> dict[str, int]:
        """Leave behind what is in none of `slots`; gives the new ones."""
        part = self.data.with_name(f".{self.data.name}.part")
        with part.open("wb") as file:
            for slot in slots.values():
                file.write(self._open(self.data, "r")[slot].data)
        self.index.unlink()
        move_file(part, self.data)
        moved = {key: slot for slot, key in enumerate(slots)}
        self._know(moved)
        return moved

    def _append(self, files: list[Path], *, first: int) -> None:
        width, height = self.size
        noted = {folder: noted_hashes(folder) for folder in {file.parent for file in files}}
        if first == 0:
            self.data.unlink(missing_ok=True)
        with self.data.open("ab") as store:
            store.truncate(first * self._bytes)  # a kill may have left more
            for path in progress(files, what=f"decode {self.role}s"):
                frame = self.prepare(read_frame(path, noted=noted[path.parent]))
                if frame.shape != (height, width, 3):
                    raise SharpcamError(
                        f"{path} has {frame.shape[1]}x{frame.shape[0]} pixels, not {width}x{height}. "
                        f"Run the stage that writes it again."
                    )
                store.write(np.ascontiguousarray(frame).data)
        sync(self.data)  # the index, which is on the disk when it is there, must not promise more

    def _open(self, file: Path, mode: Any) -> np.memmap[Any, Any]:
        width, height = self.size
        count = file.stat().st_size // self._bytes
        return np.memmap(file, np.uint8, mode, shape=(count, height, width, 3))

    @property
    def _bytes(self) -> int:
        return 3 * self.size[0] * self.size[1]
