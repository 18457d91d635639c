"""How the pictures of a video are to be turned and mirrored: FFmpeg's display matrix, nine numbers in three rows.

A stored point (x, y, 1), times the matrix, is where it is shown; the last row moves, in pixels (ISO 14496-12, 6.2.2).
"""

from typing import Any

import numpy as np

from pipeline.core.geometry import Frame

Matrix = tuple[int, ...]  # 16.16 fixed-point numbers, but for the last column, of 2.30
ONE = 1 << 16
AS_STORED: Matrix = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


def matrix_of(frame: Any) -> Matrix:
    """The display matrix that a frame of PyAV came with."""
    told = frame.side_data.get("DISPLAYMATRIX")
    return AS_STORED if told is None else tuple(np.frombuffer(bytes(told), np.int32, 9).tolist())


def upright(picture: Frame, matrix: Matrix) -> Frame:
    """`picture` (h, w, ...) as it is shown. Turns by less than a quarter are left to the player."""
    across, down = matrix[0], matrix[4]
    if across == down == 0:
        picture = picture.swapaxes(0, 1)
        across, down = matrix[3], matrix[1]
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def shown_size(size: tuple[int, int], matrix: Matrix) -> tuple[int, int]:
    """(width, height) of what `upright` makes of a picture of `size`."""
    return (size[1], size[0]) if matrix[0] == matrix[4] == 0 else size


def enlarged(matrix: Matrix, *, by: float) -> Matrix:
    """The matrix for pictures of `by` times the size: what it moves, it moves as much further."""
    return (*matrix[:6], round(by * matrix[6]), round(by * matrix[7]), matrix[8])
