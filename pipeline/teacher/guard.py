"""The glitch guard: a network can answer a strange picture with noise or colour blocks; no label is made of that."""

import cv2
import numpy as np

from pipeline.teacher.brightness import light, reduced
from pipeline.teacher.step import Picture

LARGEST_CHANGE = 0.35  # of full range, 99.9th percentile over the picture
LARGEST_SHIFT = 0.06  # of full range, in the mean linear light of boxes
BOX_PX = 32
FLAT = 1 / 512  # a picture that spans less than this is constant


def defect(picture: Picture) -> str:
    """What makes `picture` no picture; empty if nothing does."""
    if not np.isfinite(picture).all():
        return "not finite"
    if picture.max() <= FLAT:
        return "black"
    return "constant" if picture.max() - picture.min() < FLAT else ""


def glitch(before: Picture, after: Picture) -> str:
    """What is wrong with `after`, made of `before` by a step that keeps the view; else empty. Sizes may differ.

    They are compared at the smaller of the two sizes, pixels as well as boxes: the larger one holds detail that the
    other cannot have. An enlargement also gives back what the lens took from single pixels and spread around them, and
    the truth of a textured view does so by more than the limits: there a pixel is a square of two by two. Colour is
    compared as light: a lens spreads light without loss, so that undoing its blur keeps the mean light of a box, while
    the mean of its encoded values differs by up to 0.1 wherever there is fine texture.
    """
    width, height = min(before.shape[1], after.shape[1]), min(before.shape[0], after.shape[0])
    size = (width, height) if after.shape[1] <= width else (max(1, width // 2), max(1, height // 2))
    boxes = max(1, size[0] // BOX_PX), max(1, size[1] // BOX_PX)
    one, other = reduced(before, size), reduced(after, size)
    if np.percentile(np.abs(other - one), 99.9) > LARGEST_CHANGE:
        return "changed too much"
    shift = cv2.resize(light(other) - light(one), boxes, interpolation=cv2.INTER_AREA)
    if np.abs(shift).max() > LARGEST_SHIFT:
        return "colour shifted"
    return ""
