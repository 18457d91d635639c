"""What is measured of an enlargement. Pictures are (H, W, 3) uint8 RGB; grey levels are of 255."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.geometry import Frame
from pipeline.evaluate.halo import Plane, halo, luma

__all__ = ["halo", "luma"]

BORDER_PX = 8  # left out where a picture is compared with the truth
BEST_DB = 100.0  # of equal pictures
SSIM_PX, SSIM_SIGMA_PX = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Mask = NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True)
class Near:
    """How near a picture is to the truth."""

    psnr_db: float  # of the luma
    psnr_rgb_db: float
    ssim: float  # of the luma


def near(picture: Frame, truth: Frame) -> Near:
    """The three measures, without the border."""
    picture, truth = inner(picture), inner(truth)
    return Near(psnr(luma(picture), luma(truth)), psnr(picture, truth), ssim(luma(picture), luma(truth)))


def inner(picture: Frame) -> Frame:
    """`picture` without BORDER_PX on each side."""
    return picture[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]


def psnr(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Peak signal-to-noise ratio in dB, peak 255; equal ones have 100."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return float(min(BEST_DB, 10 * np.log10(255**2 / error))) if error else BEST_DB


def ssim(one: Plane, other: Plane) -> float:
    """Structural similarity with a Gaussian window of 11 pixels, only where it is whole (Wang et al. 2004)."""
    x, y = _windowed(one), _windowed(other)
    xx, yy, xy = _windowed(one * one) - x * x, _windowed(other * other) - y * y, _windowed(one * other) - x * y
    return float(np.mean((2 * x * y + C1) * (2 * xy + C2) / ((x * x + y * y + C1) * (xx + yy + C2))))


def _windowed(plane: Plane) -> Plane:
    half = SSIM_PX // 2
    means = cv2.GaussianBlur(plane, (SSIM_PX, SSIM_PX), SSIM_SIGMA_PX)
    return np.asarray(means[half:-half, half:-half])


def brightness(picture: Frame, bicubic: Frame) -> float:
    """How much brighter the luma of `picture` is on average than that of the bicubic enlargement; signed."""
    return float(luma(picture).mean() - luma(bicubic).mean())


def flicker(pictures: list[Frame], still: Mask | None = None) -> float:
    """Mean change of the luma from picture to picture on the pixels that are `still` (H, W), or on all."""
    lumas = [luma(picture) for picture in pictures]
    changes = [np.abs(after - before) for before, after in pairwise(lumas)]
    return float(np.mean([change.mean() if still is None else change[still].mean() for change in changes]))
