"""Fitting a frame to the geometry: the one place that knows the crop, the resize kernels and the rounding.

Pixels are squares: the centre of pixel i lies at i + 0.5, as in OpenCV. What is enlarged goes through a bicubic kernel,
what is reduced is averaged over areas. The forms for tensors and for the browser are held to this one by tests.
"""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.params import GeometryParams

Frame = NDArray[Any]  # (H, W, 3), RGB; uint8 in 0..255 or float32 in 0..1

KERNELS = {
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}


def to_uint8(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Floats in 0..255, of whatever shape, as uint8: rounded to the nearest level and clamped, once."""
    return np.asarray(np.rint(levels).clip(0, 255), np.uint8)


class Box(NamedTuple):
    """A cut-out, in pixels."""

    x: int
    y: int
    width: int
    height: int


def kept(geometry: GeometryParams, *, width: int, height: int, multiple: int = 2) -> GeometryParams:
    """The geometry for `width` x `height` frames that keep their own shape, as live pictures do: nothing is cut.

    The student reads the frame as it is, but no more pixels than `geometry` has for it; each side is a multiple of
    `multiple`. The shape is the frame's as far as that rounding allows.
    """
    room = geometry.width * geometry.height / (geometry.scale**2 * width * height)
    shrunk = min(1.0, math.sqrt(room))
    sides = [max(1, round(side * shrunk / multiple)) * multiple * geometry.scale for side in (width, height)]
    return geometry.model_copy(update={"width": sides[0], "height": sides[1], "fit": "stretch"})


def crop_box(width: int, height: int, *, geometry: GeometryParams) -> Box:
    """The part of a `width` x `height` frame that is used: the centred largest one of the target's shape, or all."""
    if geometry.fit == "stretch":
        return Box(0, 0, width, height)
    used_width = min(width, max(1, round(height * geometry.width / geometry.height)))
    used_height = min(height, max(1, round(width * geometry.height / geometry.width)))
    return Box((width - used_width) // 2, (height - used_height) // 2, used_width, used_height)


def crop(frame: Frame, *, geometry: GeometryParams) -> Frame:
    """The used part of `frame` (H, W, 3), a view."""
    box = crop_box(frame.shape[1], frame.shape[0], geometry=geometry)
    return frame[box.y : box.y + box.height, box.x : box.x + box.width]


def resize(frame: Frame, *, size: tuple[int, int], kernel: str) -> Frame:
    """`frame` (H, W, 3) at `size` (width, height) with one of KERNELS, uint8 rounded by OpenCV or float32 unclamped."""
    if (frame.shape[1], frame.shape[0]) == size:
        return frame
    resized: Frame = cv2.resize(frame, size, interpolation=KERNELS[kernel])
    return resized


def shrinks(frame: Frame, *, size: tuple[int, int]) -> bool:
    """Whether going to `size` (width, height) loses pixels."""
    return size[0] * size[1] < int(frame.shape[0] * frame.shape[1])


def fit(frame: Frame, *, geometry: GeometryParams) -> Frame:
    """`frame` (H, W, 3) cropped to the target's shape and brought to the student's input size."""
    used = crop(frame, geometry=geometry)
    size = geometry.student_input
    return np.ascontiguousarray(resize(used, size=size, kernel="area" if shrinks(used, size=size) else "bicubic"))


def enlarge(frame: Frame, *, geometry: GeometryParams, kernel: str) -> Frame:
    """What one OpenCV resize makes of a raw `frame` at target size: what every student has to beat."""
    used = crop(frame, geometry=geometry)
    return resize(used, size=geometry.target, kernel="area" if shrinks(used, size=geometry.target) else kernel)
