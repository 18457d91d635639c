"""Pictures as light: a lens spreads it without loss, so that undoing blur keeps it wherever one looks from afar."""

import cv2
import numpy as np

from pipeline.teacher.step import Picture, Size

GAMMA = 2.2
FAR_PX = 32  # standard deviation of the look from afar, pixels of the smaller picture
COARSE_PX = 8  # it is taken on a grid of that step, where it costs next to nothing
DARK = 1e-3  # of full light: what is darker is not divided by


def light(picture: Picture) -> Picture:
    """Linear; what is brighter than white counts, as it is clipped only at a chain's end."""
    return np.asarray(picture.clip(0) ** GAMMA, dtype=np.float32)


def reduced(picture: Picture, size: Size) -> Picture:
    """`picture` (H, W, 3) at a `size` (width, height) that is no larger: means over areas."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def with_light_of(before: Picture, after: Picture) -> Picture:
    """`after`, an enlargement of `before`, as bright as that in every channel where one looks from afar.

    Networks darken or brighten what they have not seen in training, a texture that the camera had sharpened. The idea
    is that of StableSR's colour correction (Wang et al. 2023), in light.
    """
    size = before.shape[1], before.shape[0]
    gain = (_from_afar(before, size) + DARK) / (_from_afar(after, size) + DARK)
    whole = cv2.resize(gain ** (1 / GAMMA), (after.shape[1], after.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(after * whole, dtype=np.float32)


def _from_afar(picture: Picture, size: Size) -> Picture:
    """The blurred light of `picture` at `size`, on a coarse grid."""
    grid = max(1, size[0] // COARSE_PX), max(1, size[1] // COARSE_PX)
    coarse = reduced(light(reduced(picture, size)), grid)
    return np.asarray(cv2.GaussianBlur(coarse, (0, 0), FAR_PX / COARSE_PX), dtype=np.float32)
