"""Streams of frames with their truth: a camera that stands, is shaken, pans, and one with somebody moving in front."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.cameras.measures import Mask
from pipeline.core.geometry import Frame, to_uint8
from pipeline.families.families import SEED

SHAKE_PX, SHAKE_STAYS = 1.0, 0.9  # pixels of the truth that a hand adds from frame to frame; what is left of them
PAN_PX = (2.7, 0.4)  # pixels of the truth from frame to frame, across and down
ROOM_PX = 64  # on each side of what is seen, for the camera to move in
HEAD_PX, SHOULDERS_PX = 60, 85  # radius, and half of the width
CROSSED = (0.2, 0.8)  # of the width, from the first frame to the last
UNCOVERED_FRAMES = 5  # after which background that was covered is background like any other


@dataclass(frozen=True)
class Stream:
    """What a perfect camera would have seen, and where somebody was: at each frame (H, W), True where covered."""

    truths: list[Frame]  # (H, W, 3) uint8
    covered: list[Mask] | None = None
    camera_rests: bool = True

    def still(self, last: int) -> Mask | None:
        """Where nothing ever moved in the `last` frames and the one before; None: everywhere."""
        return None if self.covered is None else ~np.any(self.covered[-last - 1 :], axis=0)

    def uncovered(self, at: int) -> Mask | None:
        """Where frame number `at` shows background that was covered in one of the five frames before it."""
        if self.covered is None:
            return None
        return np.asarray(np.any(self.covered[max(0, at - UNCOVERED_FRAMES) : at], axis=0) & ~self.covered[at])


def standing(photo: Frame, other: Frame, frames: int) -> Stream:
    """A camera on a tripod."""
    del other
    return Stream([view(photo, 0, 0)] * frames)


def shaken(photo: Frame, other: Frame, frames: int) -> Stream:
    """A camera in a hand."""
    del other
    random, place, places = np.random.default_rng(SEED), np.zeros(2), []
    for _ in range(frames):
        place = SHAKE_STAYS * (place + random.normal(0, SHAKE_PX, 2))
        places.append(place)
    return Stream([view(photo, *place) for place in places], camera_rests=False)


def panned(photo: Frame, other: Frame, frames: int) -> Stream:
    """A camera that turns evenly."""
    del other
    places = [(at - frames / 2) * np.array(PAN_PX) for at in range(frames)]
    return Stream([view(photo, *place) for place in places], camera_rests=False)


def crossed(photo: Frame, other: Frame, frames: int) -> Stream:
    """A camera on a tripod, and somebody, who looks like `other`, walks past."""
    background, front = view(photo, 0, 0), view(other, 0, 0)
    height, width = background.shape[:2]
    truths, covered = [], []
    for at in range(frames):
        x = width * (CROSSED[0] + (CROSSED[1] - CROSSED[0]) * at / frames)
        opacity = silhouette(height, width, x)
        moved = shifted(front, x - width / 2, 0, (width, height))
        truths.append(to_uint8(np.asarray(background * (1 - opacity) + moved * opacity, np.float32)))
        covered.append(opacity[..., 0] > 0)
    return Stream(truths, covered)


STREAMS: dict[str, Callable[[Frame, Frame, int], Stream]] = {
    "still": standing,
    "crossed": crossed,
    "shaken": shaken,
    "panned": panned,
}


def view(photo: Frame, right: float, down: float) -> Frame:
    """`photo` without ROOM_PX on each side, from a camera that moved by so many pixels; sides are multiples of 4."""
    height, width = ((side - 2 * ROOM_PX) // 4 * 4 for side in photo.shape[:2])
    return shifted(photo, -ROOM_PX - right, -ROOM_PX - down, (width, height))


def shifted(photo: Frame, right: float, down: float, size: tuple[int, int]) -> Frame:
    """`photo` moved by any part of a pixel, cut to `size` (width, height), mirrored at its border."""
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return np.asarray(cv2.warpAffine(photo, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


def silhouette(height: int, width: int, x: float) -> NDArray[np.float32]:
    """A head and shoulders at `x`, (h, w, 1): 1 inside, with an edge of two pixels."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    top = 0.45 * height
    head = HEAD_PX - np.hypot(columns - x, rows - top)
    body = np.minimum(SHOULDERS_PX - np.abs(columns - x), rows - top - HEAD_PX / 2)
    return np.asarray(np.clip(np.maximum(head, body) / 2 + 0.5, 0, 1), np.float32)[..., None]
