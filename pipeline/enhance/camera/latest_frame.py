"""The newest frame of a camera: whoever is slower than it skips frames, and never lags behind."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import NamedTuple

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.core.params import CameraParams
from pipeline.media.sources import Camera

PATIENCE_S = 0.2  # without a frame, before keys are looked at again
RETRY_S = 1.0  # how often a camera that was unplugged is looked for


class Shot(NamedTuple):
    """A camera's frame, and when it came (seconds, monotonic)."""

    frame: Frame
    at: float


@dataclass
class LatestFrame:
    """The newest frame of a camera. Those that nobody took are dropped; a camera that went away is opened again."""

    address: int | str
    asked: CameraParams
    dropped: int = 0
    lost: bool = False
    _shot: Shot | None = None
    _problem: SharpcamError | None = None
    _changed: Condition = field(default_factory=Condition)
    _leave: Event = field(default_factory=Event)

    @contextmanager
    def open(self) -> Iterator["LatestFrame"]:
        """Read it in a thread for as long as the body runs."""
        reader = Thread(target=self._read, daemon=True)
        reader.start()
        try:
            yield self
        finally:
            self._leave.set()
            reader.join()

    def _read(self) -> None:
        seen = False
        while not self._leave.is_set():
            try:
                for frame in Camera(self.address, self.asked.model_copy(update={"warmup_frames": 0})).frames():
                    seen, self.lost = True, False
                    self._put(frame)
                    if self._leave.is_set():
                        return
            except SharpcamError as error:
                if not seen:
                    self._problem = error
                    return
            self.lost = True
            self._leave.wait(RETRY_S)

    def _put(self, frame: Frame) -> None:
        with self._changed:
            self.dropped += self._shot is not None
            self._shot = Shot(frame, time.monotonic())
            self._changed.notify()

    def take(self) -> Shot | None:
        """The newest frame that was not taken yet; None where none comes for a while.

        Raises SharpcamError where the camera never answered.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._shot or self._problem, timeout=PATIENCE_S)
            shot, self._shot = self._shot, None
        if shot is None and self._problem:
            raise self._problem
        return shot
