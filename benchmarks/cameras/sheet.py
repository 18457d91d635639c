"""The contact sheet: cut-outs at 100 % of what each method makes, side by side."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.cameras.methods import BICUBIC, Method, doubled
from benchmarks.cameras.real import spread_moments
from benchmarks.cameras.scoring import material
from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.families.families import Family

CUT_PX = 280  # side of a cut-out
CAPTION_PX = 22
ROWS = 5  # of families with a truth; real clips come on top
EDGES_PX = 2.0  # what is finer is noise, and is not looked for
QUALITY = 90
FORMATS = {".png": [], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, QUALITY], ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, QUALITY]}


class View(NamedTuple):
    """A row: what the camera gave, what was seen of it, and the truth where it is known."""

    title: str
    frame: Frame
    film: Sequence[Frame]
    truth: Frame | None


def draw(families: dict[str, Family], photos: dict[str, Frame], clips: list[Path], methods: Sequence[Method]) -> Frame:
    """The sheet (H, W, 3) uint8: real clips first, a column for each method and one for the truth."""
    views = [*real_views(clips), *family_views(families, photos)]
    return np.ascontiguousarray(np.vstack([row(view, methods) for view in views]))


def real_views(clips: list[Path]) -> Iterator[View]:
    """The moment in the middle of each clip."""
    for clip in clips:
        seen = spread_moments(clip)
        film = [frame for moment in seen for frame in moment.frames]
        yield View(clip.name, seen[len(seen) // 2].frames[-1], film, None)


def family_views(families: dict[str, Family], photos: dict[str, Frame]) -> Iterator[View]:
    """Some families from the first to the last, each with another photograph."""
    chosen = [list(families)[int(at)] for at in np.linspace(0, len(families) - 1, min(ROWS, len(families))).round()]
    for index, name in enumerate(chosen):
        photo = list(photos)[index % len(photos)]
        made = material(name, families[name], photos, frames=2)
        yield View(f"{name}, {photo}", made.shots[photo][-1], made.film, made.truths[photo])


def row(view: View, methods: Sequence[Method]) -> Frame:
    """A line of captions above a line of cut-outs."""
    y, x = busiest(doubled(view.frame, kernel=BICUBIC))
    shown = {f"{method.name}": method.begin(view.film).enhance(view.frame) for method in methods}
    if view.truth is not None:
        shown["truth"] = view.truth
    cuts = [captioned(padded(picture[y : y + CUT_PX, x : x + CUT_PX]), name) for name, picture in shown.items()]
    cuts += [np.full_like(cuts[0], 255)] * (len(methods) + 1 - len(cuts))
    return np.vstack([caption(view.title, CUT_PX * len(cuts)), np.hstack(cuts)])


def captioned(cut: Frame, name: str) -> Frame:
    """`cut` below its name."""
    return np.vstack([caption(name, cut.shape[1]), cut])


def caption(text: str, width: int) -> Frame:
    """A line of text on white."""
    line = np.full((CAPTION_PX, width, 3), 255, np.uint8)
    cv2.putText(line, text, (6, CAPTION_PX - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    return line


def padded(cut: Frame) -> Frame:
    """A cut-out of a picture that is smaller than CUT_PX, with white around it."""
    below, right = CUT_PX - cut.shape[0], CUT_PX - cut.shape[1]
    return np.asarray(cv2.copyMakeBorder(cut, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(255, 255, 255)))


def busiest(picture: Frame) -> tuple[int, int]:
    """Top and left of the square of CUT_PX with most edges."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), EDGES_PX)
    total = cv2.integral(np.abs(cv2.Laplacian(grey, cv2.CV_64F)))
    height, width = (min(CUT_PX, side) for side in picture.shape[:2])
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(y), int(x)


def check_suffix(suffix: str) -> None:
    """Raise SharpcamError for a kind of file that is not among FORMATS."""
    if suffix.lower() not in FORMATS:
        raise SharpcamError(f"A sheet cannot be written as {suffix or 'a file without a suffix'}. Name a .jpg or .png.")


def encoded(picture: Frame, suffix: str) -> bytes:
    """`picture` as a file of that kind, one of FORMATS."""
    _, data = cv2.imencode(suffix.lower(), picture[..., ::-1], FORMATS[suffix.lower()])
    return data.tobytes()
