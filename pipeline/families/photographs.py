"""The photographs that the families are made of."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import imdecode
from pipeline.core.geometry import Frame

IN_SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "page.png")
IN_SCIKIT_LEARN = ("china.jpg", "flower.jpg")
PICTURES = {".jpg", ".jpeg", ".png"}
MOST_PX = (640, 480)  # (width, height) of what is used
MULTIPLE = 4  # of the sides: half of them must be even for 4:2:0
SMALLEST_PX = 64


def photographs(folder: Path | None, *, at_most: int | None) -> dict[str, Frame]:
    """The photographs of `folder`, or those that packages ship, by name: (H, W, 3) uint8 of at most 640x480.

    `at_most` of them, evenly from the first to the last. Raises SharpcamError where there is none, or a broken one.
    """
    if at_most is not None and at_most < 1:
        raise SharpcamError(f"--at-most is {at_most}, and at least one photograph is needed. Give a larger number.")
    found = sorted(shipped() if folder is None else pictures_in(folder))
    return {file.stem: cut(read_photo(file, smallest_px=SMALLEST_PX)) for file in spread(found, at_most=at_most)}


def shipped() -> Iterator[Path]:
    """The photographs of scikit-image and scikit-learn, and a page of text."""
    yield from (folder_of("skimage") / "data" / name for name in IN_SCIKIT_IMAGE)
    yield from (folder_of("sklearn") / "datasets/images" / name for name in IN_SCIKIT_LEARN)


def folder_of(package: str) -> Path:
    """Where an installed package lies; importing it would take seconds. Raises SharpcamError where it is missing."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SharpcamError(
            f'{package}, which holds photographs, is not installed. Run "make setup", or name --photos.'
        )
    return Path(spec.submodule_search_locations[0])


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of `folder`. Raises SharpcamError where there is none."""
    if not folder.is_dir():
        raise SharpcamError(f"There is no folder {folder}. Name one that holds photographs.")
    if not (found := [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]):
        raise SharpcamError(f"{folder} holds no photograph. Put .jpg or .png files there, or name another folder.")
    return found


def spread(found: list[Path], *, at_most: int | None) -> list[Path]:
    """At most so many of `found`, at even distances."""
    if at_most is None or len(found) <= at_most:
        return found
    return [found[int(at)] for at in np.linspace(0, len(found) - 1, at_most).round()]


def read_photo(path: Path, *, smallest_px: int) -> Frame:
    """The picture at `path`, (H, W, 3) uint8 RGB. Raises SharpcamError where it is broken or too small."""
    picture = imdecode(path.read_bytes(), cv2.IMREAD_COLOR)
    if picture is None:
        raise SharpcamError(f"{path} is not a picture that can be read. Remove or replace it and run again.")
    if min(picture.shape[:2]) < smallest_px:
        raise SharpcamError(
            f"{path} is {picture.shape[1]}x{picture.shape[0]}, and {smallest_px} pixels are needed each way. "
            "Remove it, or put a larger one there."
        )
    return np.ascontiguousarray(picture[..., ::-1])


def cut(photo: Frame) -> Frame:
    """The middle of `photo`, at most 640x480, sides multiples of 4; a far larger one is first reduced by a whole."""
    by = max(1, min(photo.shape[1] // MOST_PX[0], photo.shape[0] // MOST_PX[1]))
    if by > 1:
        size = photo.shape[1] // by, photo.shape[0] // by
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    sides = [min(most, side) // MULTIPLE * MULTIPLE for side, most in zip(photo.shape, MOST_PX[::-1], strict=False)]
    top, left = ((side - kept) // 2 for side, kept in zip(photo.shape, sides, strict=False))
    return np.ascontiguousarray(photo[top : top + sides[0], left : left + sides[1]])
