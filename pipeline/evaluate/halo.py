"""Halos: what leaves the range of its neighbourhood at strong edges, as too much sharpening does."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.geometry import Frame

HALO_PX, WIDENED_PX = 9, 7  # sides of the squares
STRONG = 48  # grey levels that a strong edge has at least

Plane = NDArray[np.float64]  # (H, W)


def luma(picture: Frame) -> Plane:
    """OpenCV's luma (BT.601, rounded to whole levels)."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2YCrCb)[..., 0], np.float64)


def halo(picture: Frame, bicubic: Frame) -> float | None:
    """How far `picture` leaves the range that the bicubic enlargement has nearby, on average at strong edges.

    In grey levels; None where there is no strong edge. Range: maximum and minimum over 9x9; strong: more than 48 apart,
    widened by 7x7.
    """
    given, plain = luma(picture), luma(bicubic)
    high, low = (extreme(plain, np.ones((HALO_PX, HALO_PX))) for extreme in (cv2.dilate, cv2.erode))
    strong = cv2.dilate((high - low > STRONG).astype(np.uint8), np.ones((WIDENED_PX, WIDENED_PX))) > 0
    if not strong.any():
        return None
    beyond = np.maximum(0, given - high) + np.maximum(0, low - given)
    return float(beyond[strong].mean())
