"""Colour profiles for what a PNG tells by numbers: its gamma and its primaries (PNG, third edition, 11.3.2)."""

import struct

import numpy as np
from numpy.typing import NDArray

from pipeline.enhance.images.picture import MADE

SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x and y of white, red, green and blue
D50 = np.array([0.9642, 1.0, 0.8249])  # the white of every profile (ICC.1, section 7.2.16)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])  # ICC.1, annex E
SRGB_GAMMA = 1 / 2.2


def profile_of(gamma: float | None, primaries: tuple[float, ...] | None) -> bytes:
    """An ICC profile (version 2, matrix and curves) of numbers that are the light to the power of `gamma`.

    `primaries`: x and y of white, red, green and blue; where one of both is missing, it is that of sRGB.
    """
    columns = _primaries_at_d50(primaries or SRGB)
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, min(65535, round(256 / (gamma or SRGB_GAMMA)))) + bytes(2)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 4) + b"PNG\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": _xyz(D50),
        **{name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", 128 + len(table) + len(data), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ") + MADE
    return (head + b"acsp").ljust(68, b"\0") + _fixed(D50) + bytes(48) + table + data


def _primaries_at_d50(known: tuple[float, ...]) -> NDArray[np.float64]:
    """XYZ of red, green and blue, as columns, seen by an eye that is used to D50."""
    white, *colours = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in zip(known[::2], known[1::2], strict=True)]
    matrix = np.stack(colours, axis=1)
    matrix = matrix * np.linalg.solve(matrix, white)
    gains = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
    return np.asarray(np.linalg.inv(BRADFORD) @ gains @ BRADFORD @ matrix)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: NDArray[np.float64]) -> bytes:
    return struct.pack(">3i", *(round(65536 * float(value)) for value in values))
