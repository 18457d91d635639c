"""Pictures whose files tell much: EXIF, a profile, alpha, and tags of a TIFF that are not as usual."""

import struct
from functools import cache
from pathlib import Path

import numpy as np
from making import photo
from PIL import Image, ImageCms

from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.write import write_picture

MAKER, ORIENTATION, EXIF_IFD, TAKEN = 0x010F, 0x0112, 0x8769, 0x9003


def exif(orientation: int = 6) -> bytes:
    told = Image.Exif()
    told[MAKER], told[ORIENTATION], told[EXIF_IFD] = "Maker", orientation, {TAKEN: "2020:01:02 03:04:05"}
    return told.tobytes()


@cache  # it tells when it was made
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(kind: type = np.uint8, *, alpha: bool = False, grey: bool = False, **told: bytes) -> Picture:
    colour = photo(30, 44).astype(kind) * (np.iinfo(kind).max // 255)
    if grey:
        colour = np.repeat(colour[..., :1], 3, axis=2)
    return Picture(colour, colour[..., 1].copy() if alpha else None, grey, **told)


def tiff(path: Path, given: Picture, tag: int, before: int, after: int) -> Path:
    """A TIFF of that picture, one of whose tags was changed."""
    write_picture(path, given)
    entry, changed = (struct.pack("<HHIHH", tag, 3, 1, value, 0) for value in (before, after))
    assert path.read_bytes().count(entry) == 1
    path.write_bytes(path.read_bytes().replace(entry, changed))
    return path
