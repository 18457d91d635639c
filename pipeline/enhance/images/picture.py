"""A picture in memory with all that its file tells: transparency, EXIF, colour profile."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.core.frames import in_8_bits
from pipeline.core.geometry import Frame

FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **{".png": "PNG", ".webp": "WEBP"},
}
READ_ONLY = {
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"), "JPEG2000"),
    **{".gif": "GIF", ".avif": "AVIF", ".tga": "TGA", ".apng": "PNG"},
}  # what is made of them is a PNG
MADE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # the date of every profile that is made here
PREFIX = b"Exif\0\0"
WHITE_IS_ZERO, PLANES, NO_ALPHA, MULTIPLIED, STRAIGHT = 0, 2, 0, 1, 2  # values of a TIFF's tags
ORIENTATION, EXIF_IFD, GPS_IFD, ICC_TAG = 0x0112, 0x8769, 0x8825, 0x8773
STRIP_ROWS = 256  # of what is computed at a time; an even number
UPRIGHT = {  # by the EXIF orientation
    2: lambda plane: plane[:, ::-1],
    3: lambda plane: plane[::-1, ::-1],
    4: lambda plane: plane[::-1],
    5: lambda plane: plane.swapaxes(0, 1),
    6: lambda plane: np.rot90(plane, -1),
    7: lambda plane: plane[::-1, ::-1].swapaxes(0, 1),
    8: lambda plane: np.rot90(plane),
}


@dataclass(frozen=True)
class Picture:
    """The content of a picture's file. Pixels lie as in the file: EXIF tells how they are to be turned."""

    colour: Frame  # (h, w, 3), RGB, uint8 or uint16; where `grey`, all three are the same
    alpha: Frame | None = None  # (h, w), of the same type
    grey: bool = False
    exif: bytes = b""  # with its PREFIX
    profile: bytes = b""  # ICC
    xmp: bytes = b""
    chunks: tuple[tuple[bytes, bytes], ...] = ()  # of a PNG: what it tells of its colours, and texts

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), pixels."""
        return self.colour.shape[1], self.colour.shape[0]

    def upright(self) -> "Picture":
        """The same picture, its pixels turned as its EXIF says."""
        exif = told_by(self.exif)
        turn = UPRIGHT.get(exif.get(ORIENTATION, 1))
        if turn is None:
            return self
        exif[ORIENTATION] = 1
        alpha = None if self.alpha is None else np.ascontiguousarray(turn(self.alpha))
        xmp = re.sub(rb"(tiff:Orientation\W{1,2})[1-8]", rb"\g<1>1", self.xmp)
        return replace(self, colour=np.ascontiguousarray(turn(self.colour)), alpha=alpha, exif=exif.tobytes(), xmp=xmp)

    def spread(self) -> "Picture":
        """The same picture with the colours of what is visible carried on under what is not: it is enlarged with it."""
        return self if self.alpha is None else replace(self, colour=spread_colour(self.colour, self.alpha > 0))

    def pixels(self) -> Frame:
        """(h, w) or (h, w, 2..4), as a file holds them. What has 16 bits and alpha is never grey: few would read it."""
        grey = self.grey and (self.alpha is None or self.colour.dtype == np.uint8)
        planes = [cv2.cvtColor(self.colour, cv2.COLOR_RGB2GRAY)] if grey else [self.colour]
        if self.alpha is not None:
            planes.append(self.alpha)
        return np.dstack(planes) if len(planes) > 1 else np.asarray(planes[0])

    def parts(self, rows: int) -> Iterator["Picture"]:
        """This by so many rows, as views: there may be no room for a whole copy."""
        for row in range(0, self.size[1], rows):
            yield self._rows(slice(row, row + rows))

    def strips(self, rows: int) -> Iterator[Frame]:
        """`pixels` by so many rows."""
        return (part.pixels() for part in self.parts(rows))

    def _rows(self, rows: slice) -> "Picture":
        return replace(self, colour=self.colour[rows], alpha=None if self.alpha is None else self.alpha[rows])

    @property
    def channels(self) -> int:
        """How many of them a file holds."""
        return channels_of(self._rows(slice(1)).pixels())

    def in_8_bits(self) -> "Picture":
        """The same picture, rounded."""
        alpha = None if self.alpha is None else in_8_bits(self.alpha)
        return replace(self, colour=in_8_bits(self.colour), alpha=alpha)

    @property
    def fitting_profile(self) -> bytes:
        """The profile, if it is one for what a file holds: of grey, or of RGB (ICC.1, section 7.2.6)."""
        return self.profile if self.profile[16:20] == (b"GRAY" if self.channels < 3 else b"RGB ") else b""


def spread_colour(colour: Frame, visible: NDArray[np.bool_]) -> Frame:
    """`colour` (h, w, 3) with the colours of the `visible` (h, w) nearby in place of all others.

    By halves: what two by two pixels show is their mean, and where none of the four is visible, the next level tells.
    """
    if visible.all() or not visible.any():
        return colour
    spread = colour.copy()
    height, width = visible.shape
    half = np.zeros(((height + 1) // 2, (width + 1) // 2, 3), colour.dtype)
    seen = np.zeros(half.shape[:2], bool)
    for row in range(0, height, STRIP_ROWS):  # floats of a whole picture would take many times its memory
        rows = slice(row, row + STRIP_ROWS)
        weight = _fourth(visible[rows].astype(np.float32))
        mean = _fourth(colour[rows] * visible[rows, :, None].astype(np.float32)) / np.maximum(weight, 1)[..., None]
        half[row // 2 : row // 2 + len(mean)], seen[row // 2 : row // 2 + len(mean)] = np.rint(mean), weight > 0
    half = spread_colour(half, seen)
    for row in range(0, height, STRIP_ROWS):
        hidden = ~visible[row : row + STRIP_ROWS]
        below = half[row // 2 : row // 2 + STRIP_ROWS // 2].repeat(2, axis=0).repeat(2, axis=1)
        spread[row : row + STRIP_ROWS][hidden] = below[: hidden.shape[0], : hidden.shape[1]][hidden]
    return spread


def _fourth(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over two by two pixels; at an odd edge over fewer."""
    height, width = plane.shape[:2]
    even = np.pad(plane, ((0, height % 2), (0, width % 2), *[(0, 0)] * (plane.ndim - 2)))
    return np.asarray(even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2])


def told_by(exif: bytes) -> Image.Exif:
    """What EXIF tells. Nothing, where it is broken: it is no reason to lose a picture, and is copied as it is."""
    told = Image.Exif()
    try:
        told.load(exif)
        for tag in (EXIF_IFD, GPS_IFD):
            told.get_ifd(tag)
    except Exception:  # of a parser, which raises anything at what is broken
        return Image.Exif()
    return told


def channels_of(pixels: Frame) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def screen_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def told_by_screen() -> bytes:
    """The profile of sRGB, without the time at which it was made (ICC.1, section 7.2.8): files are to be the same."""
    told = screen_profile().tobytes()
    return told[:24] + MADE + told[36:]
