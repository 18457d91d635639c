"""Clean photographs from a folder: what a restoring network is taught with, and what it is measured on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256_of_parts
from pipeline.families.photographs import PICTURES, read_photo

SOURCES = "SOURCES.tsv"  # optional, beside the photographs: name, tab, licence and source


@dataclass(frozen=True)
class Photos:
    """The photographs by name, each (3, H, W) uint8, and where those that train come from."""

    training: dict[str, Tensor]
    held_out: dict[str, Tensor]
    sources: dict[str, int]  # "licence, source": number of training photographs

    def digest(self) -> str:
        """One hash of all pictures and their roles."""

        def parts() -> Iterator[bytes]:
            for role in (self.training, self.held_out):
                for name, photo in role.items():
                    yield f"{name} {tuple(photo.shape)} ".encode() + photo.numpy().tobytes()
                yield b"|"

        return sha256_of_parts(parts())


def load_photos(folder: Path, *, held_out: tuple[str, ...], smallest_px: int) -> Photos:
    """All pictures in `folder`; those whose names start with one of `held_out` apart. Raises SharpcamError."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES)
    photos = {path.name: photo_tensor(path, smallest_px=smallest_px) for path in paths}
    training = {name: photo for name, photo in photos.items() if not name.startswith(held_out)}
    if not training:
        raise SharpcamError(
            f"No photographs to train on in {folder}: found {len(photos)}, and those whose names start with "
            f"{' or '.join(held_out) or 'nothing'} are held out. Put .jpg or .png files there."
        )
    apart = {name: photo for name, photo in photos.items() if name not in training}
    return Photos(training, apart, _count_sources(folder / SOURCES, names=set(training)))


def photo_tensor(path: Path, *, smallest_px: int) -> Tensor:
    """The picture at `path`, (3, H, W) uint8 RGB. Raises SharpcamError where it is broken or too small."""
    return torch.from_numpy(np.ascontiguousarray(read_photo(path, smallest_px=smallest_px).transpose(2, 0, 1)))


def _count_sources(table: Path, *, names: set[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    for name, _, source in (line.partition("\t") for line in lines):
        if name in names:
            counts[source] = counts.get(source, 0) + 1
    return counts
