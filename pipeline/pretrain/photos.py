"""Clean photographs from a folder: what a restoring network is taught with, and what it is measured on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.core.errors import SharpcamError

PICTURES = {".jpg", ".jpeg", ".png"}
SOURCES = "SOURCES.tsv"  # optional, beside the photographs: name, tab, licence and source


@dataclass(frozen=True)
class Photos:
    """The photographs by name, each (3, H, W) uint8, and where those that train come from."""

    training: dict[str, Tensor]
    held_out: dict[str, Tensor]
    sources: dict[str, int]  # "licence, source": number of training photographs

    def digest(self) -> str:
        """One hash of all pictures and their roles."""
        digest = hashlib.sha256()
        for part in (self.training, self.held_out):
            for name, photo in part.items():
                digest.update(f"{name} {tuple(photo.shape)} ".encode() + photo.numpy().tobytes())
            digest.update(b"|")
        return digest.hexdigest()


def load_photos(folder: Path, *, held_out: tuple[str, ...], smallest_px: int) -> Photos:
    """All pictures in `folder`; those whose names start with one of `held_out` apart. Raises SharpcamError."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES)
    photos = {path.name: read_photo(path, smallest_px=smallest_px) for path in paths}
    training = {name: photo for name, photo in photos.items() if not name.startswith(held_out)}
    if not training:
        raise SharpcamError(
            f"No photographs to train on in {folder}: found {len(photos)}, and those whose names start with "
            f"{' or '.join(held_out) or 'nothing'} are held out. Put .jpg or .png files there."
        )
    apart = {name: photo for name, photo in photos.items() if name not in training}
    return Photos(training, apart, _count_sources(folder / SOURCES, names=set(training)))


def read_photo(path: Path, *, smallest_px: int) -> Tensor:
    """The picture at `path`, (3, H, W) uint8 RGB. Raises SharpcamError where it is broken or too small."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise SharpcamError(f"{path} is no picture that can be read. Remove or replace it and run again.")
    if min(picture.shape[:2]) < smallest_px:
        raise SharpcamError(
            f"{path} is {picture.shape[1]}x{picture.shape[0]}, and {smallest_px} pixels are needed each way. "
            "Remove it, or put a larger one there."
        )
    return torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)))


def _count_sources(table: Path, *, names: set[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    for name, _, source in (line.partition("\t") for line in lines):
        if name in names:
            counts[source] = counts.get(source, 0) + 1
    return counts
