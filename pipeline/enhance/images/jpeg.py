"""Writing JPEG files by the strip: libraries ask for the whole picture, and copy it with a byte more to each pixel.

The strips are encoded as pictures of their own. Joined they are one whose restart interval is a strip: at the markers
between them a decoder begins anew (ITU-T T.81, sections B.2.4.4 and F.1.1.5).
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.core.geometry import Frame

BLOCK = 8  # pixels of a side of what is coded together, where colours have the size of the luma
MOST_BLOCKS, MOST_ROWS = 65_535, 256  # of an interval, and of a strip
FRAME, RESTART, RESTART_INTERVAL, SCAN, END = 0xC0, 0xD0, 0xDD, 0xDA, b"\xff\xd9"  # markers
RESTARTS = 8  # of them


def strip_rows(width: int) -> int:
    """The rows of each strip but the last of a picture of that width."""
    return BLOCK * min(MOST_ROWS // BLOCK, MOST_BLOCKS // _blocks(width))


def write_jpeg(file: Path, strips: Iterator[Frame], *, size: tuple[int, int], quality: int, **told: Any) -> None:
    """Write the `strips` (n, w) or (n, w, 3) uint8, of `strip_rows`, of a picture of `size` (width, height).

    `told`: what Pillow writes beside them. Raises ValueError for what a JPEG cannot hold of that.
    """
    interval = _blocks(size[0]) * strip_rows(size[0]) // BLOCK
    with file.open("wb") as out:
        for number, strip in enumerate(strips):
            head, data = _parted(_encoded(strip, quality=quality, **({} if number else told)), size, interval)
            out.write(bytes((0xFF, RESTART + (number - 1) % RESTARTS)) if number else head)
            out.write(data)
        out.write(END)


def _blocks(width: int) -> int:
    """How many of them lie in a row."""
    return -(-width // BLOCK)


def _encoded(strip: Frame, **options: Any) -> bytes:
    encoded = BytesIO()
    colours: dict[str, Any] = {"subsampling": 0} if strip.ndim == 3 else {}
    Image.fromarray(strip).save(encoded, format="JPEG", **colours, **options)
    return encoded.getvalue()


def _parted(picture: bytes, size: tuple[int, int], interval: int) -> tuple[bytes, bytes]:
    """A JPEG file as the head of one of `size` with that restart interval, in blocks, and the data of its one scan."""
    head, at = bytearray(picture[:2]), 2
    while (kind := picture[at + 1]) != SCAN:
        segment = bytearray(picture[at : at + 2 + int.from_bytes(picture[at + 2 : at + 4], "big")])
        at += len(segment)
        if kind == FRAME:
            segment[5:9] = struct.pack(">2H", size[1], size[0])
        head += segment
    scan = at + 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
    head += struct.pack(">2B2H", 0xFF, RESTART_INTERVAL, 4, interval) + picture[at:scan]
    return bytes(head), picture[scan : -len(END)]
