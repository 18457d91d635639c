"""How the pictures of a video are to be turned and mirrored: FFmpeg's display matrix, nine numbers in three rows.

A stored point (x, y, 1), times the matrix, is where it is shown; the last row moves, in pixels (ISO 14496-12, 6.2.2).
"""

from typing import Any

import numpy as np

from pipeline.core.geometry import Frame

Matrix = tuple[int, ...]  # 16.16 fixed-point numbers, but for the last column, of 2.30
ONE = 1 << 16
CLEAR = 50  # times the sine of an angle that counts as no angle: one degree, as FFmpeg has it
AS_STORED: Matrix = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


def matrix_of(frame: Any) -> Matrix:
    """The display matrix that a frame of PyAV came with. One that shows every point in the same place is none."""
    told = frame.side_data.get("DISPLAYMATRIX")
    matrix = AS_STORED if told is None else tuple(np.frombuffer(bytes(told), np.int32, 9).tolist())
    return matrix if any(matrix[place] for place in (0, 1, 3, 4)) else AS_STORED


def upright(picture: Frame, matrix: Matrix) -> Frame:
    """`picture` (h, w, ...) as it is shown, but for what is `left_to_players`."""
    across, down = matrix[0], matrix[4]
    if left_to_players(matrix) != AS_STORED:
        return picture
    if swaps_sides(matrix):
        picture = picture.swapaxes(0, 1)
        across, down = matrix[3], matrix[1]
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def left_to_players(matrix: Matrix) -> Matrix:
    """What `upright` does not do: all of a matrix that turns by other angles than quarters."""
    less, more = sorted((abs(matrix[0]) + abs(matrix[4]), abs(matrix[1]) + abs(matrix[3])))
    return matrix if less * CLEAR > more else AS_STORED


def swaps_sides(matrix: Matrix) -> bool:
    """Whether `upright` makes the width of a picture its height."""
    return left_to_players(matrix) == AS_STORED and abs(matrix[0]) < abs(matrix[1])


def shown_size(size: tuple[int, int], matrix: Matrix) -> tuple[int, int]:
    """(width, height) of what `upright` makes of a picture of `size`."""
    return (size[1], size[0]) if swaps_sides(matrix) else size


def enlarged(matrix: Matrix, *, by: float) -> Matrix:
    """The matrix for pictures of `by` times the size: what it moves, it moves as much further."""
    return (*matrix[:6], round(by * matrix[6]), round(by * matrix[7]), matrix[8])
