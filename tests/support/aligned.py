"""Where a picture lies beside another, to hundredths of a pixel."""

import cv2
import numpy as np

QUARTER = 0.25  # pixels of the target


def derivative(picture, *, along_x, along_y):
    for axis in [1] * along_x + [0] * along_y:
        picture = np.gradient(picture, axis=axis)
    return picture


def small_shift(blurred, sharp):
    """(x, y) by which `blurred` lies beside `sharp`, if that is little.

    Least squares of `blurred` on the derivatives of `sharp`: a blur is in the even ones, a shift in the first.
    """
    orders = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    a, b = (cv2.GaussianBlur(picture, (0, 0), 2) for picture in (blurred, sharp))
    inner = np.s_[16:-16, 16:-16]
    columns = [derivative(b, along_x=x, along_y=y)[inner].ravel() for x, y in orders] + [np.ones(a[inner].size)]
    factors = np.linalg.lstsq(np.stack(columns, axis=1), a[inner].ravel(), rcond=None)[0]
    return -factors[1:3] / factors[0]


def moved(picture, shift):
    """`picture` (H, W) or (H, W, C), `shift` pixels (x, y) to the right and down."""
    towards = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
    return cv2.warpAffine(picture, towards, picture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def shift_between(seen, ideal):
    """(x, y) in pixels by which `seen` (H, W) lies beside `ideal` (H, W) float32; both best in linear light."""
    shift = np.zeros(2)
    for _ in range(4):
        shift = shift + small_shift(seen, moved(ideal, shift))
    return shift
