"""The ranges of a student's tensors at all of its dials, measured on real frames (pipeline.student.ranges)."""

from itertools import product

import numpy as np
import onnx
from numpy.typing import NDArray

from pipeline.core.geometry import Frame
from pipeline.core.progress import progress
from pipeline.export.quantise import TILE_PX, find_convolutions, inner_tensors, spans
from pipeline.student.dials import Dials, DialSection
from pipeline.student.ranges import POSITIONS, Range, positions, ranges_at

FRAMES = 4  # of the calibration's: each is looked at once for every combination of the dials

Grid = NDArray[np.float32]  # (3, ..., 3, tensors)


class Measured:
    """The ranges of the tensors `names` at the positions of all dials."""

    def __init__(self, section: DialSection, exact: bytes, frames: list[Frame]) -> None:
        """Of the float student `exact`, folded by `section`, on the middles of some of the frames."""
        model = onnx.load_from_string(exact)
        self.neutral = section.neutral
        self.names = inner_tensors(model, find_convolutions(model))
        middles = [middle(frame) for frame in frames[:: max(1, len(frames) // FRAMES)][:FRAMES]]
        shape = (POSITIONS,) * len(section.neutral) + (len(self.names),)
        self.low, self.high = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        places = list(product(range(POSITIONS), repeat=len(section.neutral)))
        for place in progress(places, what="export: ranges of int8", unit="setting"):
            dials = Dials(*(positions(neutral)[at] for neutral, at in zip(section.neutral, place, strict=True)))
            found = spans(onnx.load_from_string(section.fold_float(exact, dials)), self.names, middles)
            self.low[place] = [found[name].low for name in self.names]
            self.high[place] = [found[name].high for name in self.names]

    def at_neutral(self) -> dict[str, Range]:
        """What the int8 file holds."""
        return dict(zip(self.names, ranges_at(self.low, self.high, self.neutral, neutral=self.neutral), strict=True))


def middle(frame: Frame) -> Frame:
    """The middle of a frame, at most a tile of it."""
    top, left = (max(0, (side - TILE_PX) // 2) for side in frame.shape[:2])
    return frame[top : top + TILE_PX, left : left + TILE_PX]
