"""Decoded frames as memory-mapped arrays, one pair of files a clip, built once and again only where frames changed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.frames import read_frame
from pipeline.geometry import Frame, fit
from pipeline.params import GeometryParams
from pipeline.paths import Paths
from pipeline.progress import progress


@dataclass(frozen=True)
class DecodedClip:
    """The frames of one clip, ready for crops."""

    name: str
    stems: list[str]
    inputs: np.memmap[Any, Any]  # (F, h, w, 3) uint8 at the student's input size
    targets: np.memmap[Any, Any]  # (F, H, W, 3) uint8 at target size


def decoded_clips(part: dict[str, list[str]], *, paths: Paths, geometry: GeometryParams) -> list[DecodedClip]:
    """The clips of one part of the split, decoded. What no frame belongs to any more is removed from the cache."""
    clips = []
    for name, stems in part.items():
        raw = [paths.raw / name / f"{stem}.png" for stem in stems]
        teacher = [paths.teacher / name / f"{stem}.png" for stem in stems]
        inputs = _mapped(name, "input", raw, lambda frame: fit(frame, geometry=geometry), geometry, paths)
        targets = _mapped(name, "target", teacher, lambda frame: frame, geometry, paths)
        clips.append(DecodedClip(name, stems, inputs, targets))
    return clips


def _mapped(
    clip: str,
    role: str,
    files: list[Path],
    prepare: Callable[[Frame], Frame],
    geometry: GeometryParams,
    paths: Paths,
) -> np.memmap[Any, Any]:
    width, height = geometry.student_input if role == "input" else geometry.target
    folder = paths.cache / "frames"
    key = _key(files, geometry)
    file = folder / f"{clip}.{role}.{len(files)}.{key}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{clip}.{role}.{len(files)}.*"):
            old.unlink()
        _build(file, files, prepare, (len(files), height, width, 3))
    mapped: np.memmap[Any, Any] = np.load(file, mmap_mode="c")  # "c": torch wants arrays that it could write to
    return mapped


def _key(files: list[Path], geometry: GeometryParams) -> str:
    digest = hashlib.sha256(geometry.model_dump_json().encode())
    for file in files:
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _build(file: Path, files: list[Path], prepare: Callable[[Frame], Frame], shape: tuple[int, ...]) -> None:
    part = file.with_name(f".{file.name}.part")
    array = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
    for index, path in enumerate(progress(files, what=f"decode {file.name.split('.')[0]}")):
        array[index] = prepare(read_frame(path))
    array.flush()
    del array
    part.replace(file)
