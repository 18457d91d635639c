"""A picture with truth on which backends are compared, and how far apart two pictures are.

Photographs that come with scikit-image, through a lens and a sensor as of a webcam: networks for cameras meet nothing
else, and what half precision costs hangs on that.
"""

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import to_uint8
from pipeline.teacher.step import Picture, Size

CUTS = (("astronaut.png", 100, 130), ("chelsea.png", 40, 120), ("coffee.png", 120, 150))  # file, top and left
CUT_PX = (256, 192)  # (width, height) of a cut, twice that of its raw frame
BLUR_PX = 0.7  # of the lens, standard deviation in raw pixels
NOISE = 6 / 255  # standard deviation
JPEG_QUALITY = 80
KNOWN_PX = (93, 125)  # (height, width): no multiple of what a network may pad to


class Probe(NamedTuple):
    """A frame of a camera, and the truth in twice its size."""

    raw: Picture  # (288, 128, 3)
    truth: Picture  # (576, 256, 3)


@cache
def probe() -> Probe:
    """The same on every machine. Raises SharpcamError where scikit-image is missing."""
    truth = np.concatenate([_cut(*cut) for cut in CUTS])
    size = truth.shape[1] // 2, truth.shape[0] // 2
    seen = cv2.resize(cv2.GaussianBlur(truth, (0, 0), 2 * BLUR_PX), size, interpolation=cv2.INTER_AREA)
    noisy = seen + np.random.default_rng(0).normal(0, NOISE, seen.shape)
    _, jpeg = cv2.imencode(".jpg", to_uint8(noisy * 255), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return Probe(_as_picture(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))), _as_picture(truth * 255))


def _cut(name: str, top: int, left: int) -> Picture:
    """BGR in 0..1, as OpenCV's JPEG wants it."""
    spec = find_spec("skimage")  # importing it would take a second
    if spec is None or not spec.submodule_search_locations:
        raise SharpcamError('scikit-image, which holds photographs, is not installed. Run "make setup".')
    photo = cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / name), cv2.IMREAD_COLOR)
    cut = np.asarray(photo)[top : top + CUT_PX[1], left : left + CUT_PX[0]]
    return np.asarray(cut / 255, dtype=np.float32)


def _as_picture(bgr: NDArray[Any]) -> Picture:
    return np.ascontiguousarray(bgr[..., ::-1] / 255, dtype=np.float32)


def known_picture() -> Picture:
    """A part of the frame, of an odd size."""
    return np.ascontiguousarray(probe().raw[: KNOWN_PX[0], : KNOWN_PX[1]])


def db_between(one: Picture, other: Picture) -> float:
    """PSNR of two pictures of the same size once both are clamped, before rounding; not a number where one is not."""
    error = float(np.square(one.clip(0, 1) - other.clip(0, 1)).mean())
    return -10 * math.log10(max(error, 1e-12)) if math.isfinite(error) else math.nan


def db_to_truth(answer: Picture) -> float:
    """PSNR of what a network made of the frame, of whatever size, against the truth at the smaller size of the two."""
    size = min(answer.shape[1], probe().truth.shape[1]), min(answer.shape[0], probe().truth.shape[0])
    return db_between(_reduced(answer, size), _reduced(probe().truth, size))


def _reduced(picture: Picture, size: Size) -> Picture:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
