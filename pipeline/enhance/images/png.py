"""Writing PNG files of 8 or 16 bits by the strip: libraries ask for the whole picture, and copy it several times."""

import struct
import zlib
from collections.abc import Container, Iterable, Iterator
from os import SEEK_CUR
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.core.frames import PNG_LEVEL, PNG_SIGNATURE
from pipeline.core.geometry import Frame

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels (PNG, third edition, section 11.2.1)
MOST_BYTES = 1 << 26  # of a chunk that is kept
PAETH = 4  # the filter of every row: on photographs as good as choosing one for each


def write_png(
    file: Path,
    strips: Iterator[Frame],
    *,
    size: tuple[int, int],
    exif: bytes,
    profile: bytes,
    chunks: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Write the `strips`, (n, w) or (n, w, 2..4), of a picture of `size` (width, height); `exif` without a prefix.

    `chunks`: others to come before the pixels, by name.
    """
    packer = zlib.compressobj(PNG_LEVEL)
    above: Frame | None = None
    with file.open("wb") as out:
        for strip in strips:
            if above is None:
                _begin(out, strip, size=size, exif=exif, profile=profile, chunks=chunks)
            lines, above = _filtered(strip, above)
            _chunk(out, b"IDAT", packer.compress(lines.data))
        _chunk(out, b"IDAT", packer.flush())
        out.write(_framed(b"IEND", b""))


def _begin(
    out: BinaryIO,
    strip: Frame,
    *,
    size: tuple[int, int],
    exif: bytes,
    profile: bytes,
    chunks: Iterable[tuple[bytes, bytes]],
) -> None:
    """All that comes before the pixels."""
    out.write(PNG_SIGNATURE)
    colour_type = COLOUR_TYPES[1 if strip.ndim == 2 else strip.shape[2]]
    _chunk(out, b"IHDR", struct.pack(">IIBBBBB", *size, 8 * strip.itemsize, colour_type, 0, 0, 0))
    _chunk(out, b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile) if profile else b"")
    for name, data in chunks:
        _chunk(out, name, data)
    _chunk(out, b"eXIf", exif)


def read_chunks(file: Path, names: Container[bytes]) -> dict[bytes, list[bytes]]:
    """The data of the chunks of those names in a PNG, in their order; of a broken one as far as it goes."""
    found: dict[bytes, list[bytes]] = {}
    with file.open("rb") as data:
        data.seek(len(PNG_SIGNATURE))
        while len(head := data.read(8)) == 8 and head[4:] != b"IEND":
            length = int.from_bytes(head[:4], "big")
            if head[4:] in names and length <= MOST_BYTES:
                found.setdefault(head[4:], []).append(data.read(length))
                length = 0
            data.seek(length + 4, SEEK_CUR)
    return found


def _chunk(out: BinaryIO, name: bytes, data: bytes) -> None:
    """A chunk, if it holds anything."""
    if data:
        out.write(_framed(name, data))


def _framed(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _filtered(strip: Frame, above: Frame | None) -> tuple[Frame, Frame]:
    """The rows of a strip as differences to what Paeth guesses of them, and the last row for the next strip.

    `above`: the row above the strip, (1, bytes). PNG, third edition, section 9.4.
    """
    rows = np.ascontiguousarray(strip, strip.dtype.newbyteorder(">")).view(np.uint8).reshape(len(strip), -1)
    step = rows.shape[1] // strip.shape[1]  # bytes of a pixel
    known = np.vstack([np.zeros_like(rows[:1]) if above is None else above, rows]).astype(np.int16)
    known = np.pad(known, ((0, 0), (step, 0)))
    left, up, corner = known[1:, :-step], known[:-1, step:], known[:-1, :-step]
    by_left, by_up, by_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    guess = np.where((by_left <= by_up) & (by_left <= by_corner), left, np.where(by_up <= by_corner, up, corner))
    lines = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = PAETH
    lines[:, 1:] = rows - guess.astype(np.uint8)  # modulo 256
    return lines, rows[-1:]
