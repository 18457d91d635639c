"""What the tensors of a student in whole numbers hold, which depends on the dials.

Some tensors reach six times as far at one setting as at another. One range for all of them would leave five of eight
bits to the milder ones, which costs their picture half a decibel. So a contract knows the ranges where each dial stands
at nothing, at neutral or at its end, in every combination. Between those their eighth roots go in straight lines, much
as logarithms would: nearer to what is measured there than the ranges themselves, by up to 1 dB between the int8 and the
float picture; and roots have the same bits in every language.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, NonNegativeInt

from pipeline.student.packing import Array, Packed

LEVELS = 255  # of uint8
POSITIONS = 3  # of a dial, at which the ranges are known
FINEST = 1e-6  # the least that a range spans


@dataclass(frozen=True)
class Range:
    """What a tensor holds, zero included, as uint8 has to span it."""

    low: float
    high: float

    @property
    def scale(self) -> np.float32:
        return np.float32(max(self.high - self.low, FINEST) / LEVELS)

    @property
    def zero(self) -> np.uint8:
        return np.uint8(np.clip(np.rint(-self.low / self.scale), 0, LEVELS))


class InFile(BaseModel, frozen=True):
    """Where the numbers of a tensor's range lie in the int8 file, in bytes."""

    scale: NonNegativeInt  # float32
    zero: NonNegativeInt  # uint8


class RangeTable(BaseModel, frozen=True):
    """The ranges of all tensors that become uint8, but of the frame: that is always 0..1."""

    tensors: list[InFile]
    low: Packed  # (3, 3, 3, 3, tensors), float64, at most 0
    high: Packed  # the same, at least 0


def positions(neutral: float) -> tuple[float, float, float]:
    """Where a dial stands when ranges are measured."""
    return 0.0, neutral, 1.0


def ranges_at(low: Array, high: Array, dials: Sequence[float], *, neutral: Sequence[float]) -> list[Range]:
    """The ranges of all tensors at `dials`, each in 0..1, from `low` and `high` as a RangeTable has them."""
    down, up = (between(reach.astype(np.float64), dials, neutral=neutral) for reach in (-low, high))
    return [Range(-float(least), float(most)) for least, most in zip(down, up, strict=True)]


def between(reach: Array, dials: Sequence[float], *, neutral: Sequence[float]) -> Array:
    """How far tensors reach at `dials`, (n,), from how far they do at the positions of each dial, (3, ..., 3, n)."""
    values = np.sqrt(np.sqrt(np.sqrt(np.maximum(reach, FINEST))))
    for dial, middle in zip(dials, neutral, strict=True):
        if dial < middle or middle == 1:
            first, share = 0, dial / middle
        else:
            first, share = 1, (dial - middle) / (1 - middle)
        values = values[first] * (1 - share) + values[first + 1] * share
    for _ in range(3):
        values = values * values
    return np.asarray(values)
