"""Reading the dials from pictures: a small network looks at their windows and says how sure it is. No torch.

A lone picture that tells little stays near the neutral setting; over a clip the readings add up.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from pydantic import BaseModel, NonNegativeFloat, field_validator

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.student.dials import Dials, rounded
from pipeline.student.engines import session
from pipeline.student.packing import Array

PRIOR_WEIGHTS = "prior_weights"  # in the network's metadata, and in the contract
WINDOW_PX = 256
SMALLEST_PX = 64  # of a side; the network needs so many
BLOCK_PX = 16  # windows begin where the blocks of codecs do
MOST_WINDOWS = 4  # of a frame
FLAT, BLACK, BLOWN_OUT = 2, 6, 249  # grey levels: least spread, least and largest mean of a window that tells something


class EstimatorSection(BaseModel, frozen=True):
    """The section `estimator` of a contract."""

    onnx: str  # base64
    prior_weights: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat, NonNegativeFloat]

    @field_validator("onnx")
    @classmethod
    def _is_base64(cls, text: str) -> str:
        base64.b64decode(text, validate=True)
        return text

    def estimator(self, neutral: Dials) -> "Estimator":
        """Ready to read."""
        return Estimator(base64.b64decode(self.onnx), np.array(self.prior_weights), neutral)


def estimator_section(data: bytes, frame: Frame) -> dict[str, Any]:
    """The contract's `estimator`, of an ONNX file. Raises SharpcamError for one that does not read `frame`."""
    section = _parsed(data)
    section.estimator(Dials(0, 0, 0, 0)).read(frame)
    return section.model_dump(mode="json")


def load_estimator(file: Path, neutral: Dials) -> "Estimator":
    """The estimator in an ONNX file, ready to read. Raises SharpcamError for a file that is none."""
    return _parsed(file.read_bytes()).estimator(neutral)


def _parsed(data: bytes) -> EstimatorSection:
    try:
        told = session(data, threads=1).get_modelmeta().custom_metadata_map
        section = {"onnx": base64.b64encode(data).decode(), PRIOR_WEIGHTS: json.loads(told[PRIOR_WEIGHTS])}
        return EstimatorSection.model_validate(section)
    except (SharpcamError, KeyError, ValueError):
        raise SharpcamError(
            f"The estimator is not an ONNX file with {PRIOR_WEIGHTS} (JSON) in its metadata. Train it again."
        ) from None


class Readings(NamedTuple):
    """Several readings, summed: how sure they are of each dial, and what they say times that. Each (4,)."""

    weights: Array
    values: Array

    def and_also(self, other: "Readings") -> "Readings":
        """Both."""
        return Readings(self.weights + other.weights, self.values + other.values)


NOTHING = Readings(np.zeros(len(Dials._fields)), np.zeros(len(Dials._fields)))


@dataclass(frozen=True)
class Estimator:
    """The network of a contract, and where its answers start from."""

    onnx: bytes
    prior_weights: Array  # (4,)
    neutral: Dials

    @cached_property
    def session(self) -> Any:
        """On one thread, which gives the same sums everywhere."""
        return session(self.onnx, threads=1)

    def read(self, frame: Frame) -> Readings:
        """What the windows of a frame (h, w, 3) uint8 or uint16 tell together, at the camera's own pixels.

        Raises SharpcamError where the network is not an estimator.
        """
        readings = NOTHING
        for window in windows(frame):
            readings = readings.and_also(self._reading(window))
        return readings

    def pooled(self, readings: Readings) -> Array:
        """The dials of the camera that was read, (4,): the nearer to neutral, the less was told.

        Weights are precisions, as the estimator learned them (training/models/estimator.py): a soft frame, which may be
        the scene or the lens, says little of the blur next to a sharp one.
        """
        weights = self.prior_weights + readings.weights
        values = self.prior_weights * np.array(self.neutral) + readings.values
        return np.where(weights > 0, values / np.maximum(weights, 1e-12), self.neutral)

    def _reading(self, window: Frame) -> Readings:
        values, weights = self.answer(window)
        sure = np.where(np.isfinite(values) & np.isfinite(weights), np.maximum(weights, 0), 0)
        return Readings(sure, sure * np.nan_to_num(values))

    def answer(self, window: Frame) -> tuple[Array, Array]:
        """What the network says of a window: values and weights, each (4,). Raises what `read` raises."""
        batch = np.ascontiguousarray(window.transpose(2, 0, 1)[None], np.float32) / np.float32(
            np.iinfo(window.dtype).max
        )
        try:
            values, weights = self.session.run(["values", "weights"], {"frame": batch})
        except Exception as error:  # ONNX Runtime's errors have no common class
            reason = (str(error).splitlines() or [""])[0][:200]
            raise SharpcamError(
                f'The contract\'s estimator cannot read a frame ({reason}). Run "dvc repro export" again.'
            ) from None
        values, weights = (np.asarray(each, np.float64).reshape(-1) for each in (values, weights))
        return values, weights

    def dials(self, readings: Readings) -> Dials:
        """The setting for the frames that were read; neutral where none told anything."""
        return rounded(self.pooled(readings)) if readings.weights.any() else self.neutral

    def estimate(self, frames: Iterable[Frame]) -> Dials:
        """The dials of the camera that took all of `frames`."""
        readings = NOTHING
        for frame in frames:
            readings = readings.and_also(self.read(frame))
        return self.dials(readings)


def windows(frame: Frame) -> list[Frame]:
    """The windows of a frame (h, w, 3) that tell most, at most MOST_WINDOWS; those that tell nothing are left out."""
    candidates = [
        frame[y : y + WINDOW_PX, x : x + WINDOW_PX] for y in starts(frame.shape[0]) for x in starts(frame.shape[1])
    ]
    useful = [(detail, window) for window in candidates if (detail := detail_of(window)) > 0]
    useful.sort(key=lambda each: -each[0])
    return [window for _, window in useful[:MOST_WINDOWS]]


def starts(side: int) -> list[int]:
    """Where windows along a side of so many pixels begin, to cover it; none where it is too small."""
    if side < SMALLEST_PX:
        return []
    count = -(-side // WINDOW_PX)
    room = max(0, side - WINDOW_PX)
    return [room * index // max(1, count - 1) // BLOCK_PX * BLOCK_PX for index in range(count)]


def detail_of(window: Frame) -> float:
    """How much neighbouring pixels differ, in grey levels; 0 for what is flat, black or blown out."""
    luma = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY).astype(np.float32) * (255 / np.iinfo(window.dtype).max)
    if luma.std() < FLAT or not BLACK <= luma.mean() <= BLOWN_OUT:
        return 0.0
    return float(np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean())
