"""Frames on disk: reading PNG strictly, writing so that a kill never leaves half a file."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.clip_hashes import require_unchanged
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_LEVEL = 2  # on camera noise a higher level costs three times the time for 3 % of the size
HEADER_BYTES = 26
BROKEN = "is a broken PNG file"
MEGAPIXELS = 100.0  # no picture or frame with more is decoded, from wherever it came: a small file can hold gigabytes


def read_frame(path: Path, *, noted: Mapping[str, str] | None = None) -> NDArray[np.uint8]:
    """The frame (H, W, 3), RGB, uint8. Raises SharpcamError for whatever is no 8-bit RGB PNG, and for one whose bytes
    have not the hash that is `noted` of its file's name."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SharpcamError(f"No frame at {path}. Run the stage that writes it again.") from None
    require_unchanged(path, data, noted or {})
    return decode_frame(data, name=str(path))


def decode_frame(data: bytes, *, name: str) -> NDArray[np.uint8]:
    """The frame (H, W, 3), RGB, uint8, of PNG bytes; `name` is what errors call it."""
    check_frame(data, name=name)
    picture = imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise _not_a_frame(name, BROKEN)
    return np.ascontiguousarray(picture[..., ::-1])


def check_frame(data: bytes, *, name: str, whole: bool = False) -> None:
    """Raise SharpcamError where the header of PNG bytes says that they are no frame; with `whole`, the checksums too.

    Nothing is decoded.
    """
    problem = _complaint(data) or (BROKEN if whole and not _checksums_hold(data) else "")
    if problem:
        raise _not_a_frame(name, problem)


def _not_a_frame(name: str, problem: str) -> SharpcamError:
    return SharpcamError(f"{name} {problem}; frames are 8-bit RGB PNG. Convert or remove that file and run again.")


def in_8_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture or plane of uint16 (65535 is white) rounded to uint8; what is uint8 as it is."""
    return picture if picture.dtype == np.uint8 else np.asarray(cv2.convertScaleAbs(picture, alpha=1 / 257), np.uint8)


def imdecode(data: bytes, flags: int) -> NDArray[Any] | None:
    """A picture as OpenCV decodes it; None where it cannot, also where a header claims more than it allows."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        return None


def _complaint(data: bytes) -> str:
    """What is wrong with the header of a frame's file, or nothing (PNG, third edition, sections 5.2 and 11.2.1)."""
    if data[:8] != PNG_SIGNATURE or len(data) < HEADER_BYTES:
        return "is not a PNG file"
    if (pixels := png_size(data)[0] * png_size(data)[1]) > MEGAPIXELS * 1e6:
        return f"has {pixels / 1e6:.0f} megapixels, and {MEGAPIXELS:g} are allowed"
    depth, colour = data[24], data[25]
    if depth == 16:
        return "has 16 bits per channel"
    if colour in (0, 4):
        return "is grey"
    if colour == 6 or b"tRNS" in data[: data.find(b"IDAT")]:
        return "is transparent"
    if not data.rstrip(b"\0").endswith(b"IEND\xaeB`\x82"):
        return "is cut off"
    return ""


def png_size(data: bytes) -> tuple[int, int]:
    """(width, height) that the header of PNG bytes claims."""
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _checksums_hold(data: bytes) -> bool:
    """Whether all chunks up to the last one are as they were written (PNG, third edition, section 5.3)."""
    view, start = memoryview(data), 8
    while start + 12 <= len(data):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return False
        if data[start + 4 : start + 8] == b"IEND":
            return True
        start = end + 4
    return False


def encode_frame(frame: NDArray[np.uint8]) -> bytes:
    """`frame` (H, W, 3), RGB, as the bytes of a PNG file."""
    done, buffer = cv2.imencode(".png", frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not done:
        raise SharpcamError(f"Could not encode a frame ({frame.shape}, {frame.dtype}). Please report this.")
    return buffer.tobytes()


def write_frame(path: Path, frame: NDArray[np.uint8]) -> bytes:
    """Write `frame` (H, W, 3), RGB, as PNG in one step; gives the bytes written. `move_whole` syncs a clip's."""
    data = encode_frame(frame)
    write_bytes(path, data, synced=False)
    return data
