"""Dials that follow a camera until it is known: read next to the pictures, and set without a pause between them."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pipeline.core.geometry import Frame
from pipeline.enhance.upscaler import Upscaler
from pipeline.student.dials import Dials
from pipeline.student.estimator import NOTHING

LOOK_S = 1.0  # between two looks at the camera
MOVED = 0.05  # of a dial, from which on it is set again
CALM = 5  # looks in succession that moved nothing: the camera is known


class Following:
    """An upscaler that is set to the camera whose frames it enhances. Its thread ends with the context."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.upscaler = upscaler
        self.found: Dials | None = None  # what the camera was read to be, once it was
        self._estimator = upscaler.student.estimator if upscaler.strength > 0 else None
        self._readings, self._calm, self._looked_at = NOTHING, 0, -LOOK_S
        self._looking: Future[Upscaler] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="following")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def enhance(self, frame: Frame) -> Frame:
        """The picture of a frame, by what is known of the camera up to now. Raises what `Upscaler.enhance` raises."""
        if self._looking and self._looking.done():
            self.upscaler, self._looking = self._looking.result(), None
            self.found = self.upscaler.dials if self._readings.weights.any() else None
        if self._looking is None and self._is_due():
            self._looked_at = time.monotonic()
            self._looking = self._pool.submit(self._look, frame)
        return self.upscaler.enhance(frame)

    def _is_due(self) -> bool:
        return self._estimator is not None and self._calm < CALM and time.monotonic() - self._looked_at >= LOOK_S

    def _look(self, frame: Frame) -> Upscaler:
        """The upscaler to go on with, ready to run."""
        if self._estimator is None or not (found := self._estimator.read(frame)).weights.any():
            return self.upscaler
        self._readings = self._readings.and_also(found)
        dials = self.upscaler.fixed.instead_of(self._estimator.dials(self._readings))
        known = self.upscaler.student.dials or dials
        if max(abs(a - b) for a, b in zip(dials, known, strict=True)) <= MOVED:
            self._calm += 1
            return self.upscaler
        self._calm = 0
        following = self.upscaler.with_dials(dials)
        following.for_pictures().enhance(frame)  # engines compile at the first picture of a size
        return following
