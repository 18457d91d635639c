"""The size of what is made, where it is neither the student's own nor the target geometry."""

import argparse
import re
from dataclasses import dataclass

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame, resize

MOST = 2  # times the target
LARGEST_SIDE = 65_535  # that any format or codec here holds


@dataclass(frozen=True)
class Sizing:
    """So many times the input, or so many pixels."""

    factor: int = 1
    pixels: tuple[int, int] | None = None  # (width, height)

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) for an input of `size`. Raises SharpcamError where that would be of another shape."""
        width, height = size
        if self.pixels is None:
            return self.factor * width, self.factor * height
        by_width = self.pixels[0], max(1, round(height * self.pixels[0] / width))
        by_height = max(1, round(width * self.pixels[1] / height)), self.pixels[1]
        if abs(by_width[1] - self.pixels[1]) > 1 and abs(by_height[0] - self.pixels[0]) > 1:
            raise SharpcamError(
                f"{width}x{height} has another shape than {self.pixels[0]}x{self.pixels[1]} and would be distorted. "
                f"Ask for --size {by_width[0]}x{by_width[1]} or {by_height[0]}x{by_height[1]}, or crop it before."
            )
        return self.pixels

    def reduced(self, picture: Frame) -> Frame:
        """`picture` as a student is given it: no more than MOST of what is made, a side.

        More pixels cost time and show nothing: of photographs at four times the target, blurred, noisy and as JPEG,
        what was reduced first came 32.9 dB near to the truth on average over six kinds of cameras, what was doubled as
        a whole 33.0 dB, at four times the work. Reduced to the target itself they lost up to 8 dB more.
        """
        height, width = picture.shape[:2]
        room = MOST * max(self.pixels or (width, height)) / max(width, height)
        return picture if room >= 1 else at_size(picture, (max(1, round(room * width)), max(1, round(room * height))))


def at_size(picture: Frame, size: tuple[int, int]) -> Frame:
    """`picture` at `size` (width, height): averaged over areas where that is less, else bicubic."""
    return resize(picture, size=size, kernel="area" if size[0] < picture.shape[1] else "bicubic")


def pixels(text: str) -> tuple[int, int]:
    """(width, height) of a size as it is typed, 1280x720."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not found or max(map(int, found.groups())) > LARGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 1280x720")
    return int(found[1]), int(found[2])
