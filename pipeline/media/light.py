"""How bright a film of high dynamic range is meant: the screen that it was made on, and its own brightest pictures.

SMPTE ST 2086 and CTA-861.3. FFmpeg gives both with a frame (AVMasteringDisplayMetadata, AVContentLightMetadata).
"""

import struct
from fractions import Fraction
from typing import Any, NamedTuple

SCREEN, CONTENT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"  # of a frame's side data
POINTS = 4  # red, green, blue and white


class Screen(NamedTuple):
    """The screen that a film was made on."""

    points: tuple[tuple[Fraction, Fraction], ...]  # x and y (CIE 1931) of red, green, blue and white
    darkest: Fraction  # cd/m²
    brightest: Fraction  # cd/m²


class Light(NamedTuple):
    """What a film tells of its light; None where it does not."""

    screen: Screen | None
    content: tuple[int, int] | None  # its brightest pixel, and the mean of its brightest frame, cd/m²


def light_of(frame: Any) -> Light | None:
    """What a frame of PyAV tells, if anything."""
    screen, content = frame.side_data.get(SCREEN), frame.side_data.get(CONTENT)
    told = Light(screen and _screen(bytes(screen)), content and struct.unpack_from("2I", bytes(content)))
    return told if any(told) else None


def _screen(data: bytes) -> Screen | None:
    """Of ten fractions and two flags, native: the points, darkest, brightest, and whether both are told."""
    *numbers, has_points, has_luminance = struct.unpack_from("22i", data)
    if not (has_points and has_luminance and all(numbers[1::2])):
        return None
    values = [Fraction(top, bottom) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
    points = tuple(zip(values[: 2 * POINTS : 2], values[1 : 2 * POINTS : 2], strict=True))
    return Screen(points, *values[2 * POINTS :])
