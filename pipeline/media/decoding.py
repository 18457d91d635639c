"""The frames of a video as they are shown: in order, one for each that is stored, also where the file is damaged."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import av

from pipeline.core.errors import SharpcamError

LOST_SHARE = 0.1  # of the frames, above which a video counts as broken


@dataclass
class Damage:
    """What is lost of one video."""

    lost: int = 0

    def __str__(self) -> str:
        """A sentence for people; empty where nothing is lost."""
        if not self.lost:
            return ""
        return f"{self.lost} damaged frame{'s repeat the ones' if self.lost > 1 else ' repeats the one'} before"


class Shown(NamedTuple):
    """A frame of PyAV, and when it is shown; `is_lost` where it stands for another that cannot be decoded."""

    frame: Any
    pts: int | None
    is_lost: bool = False


@dataclass
class Decoder:
    """Decodes the packets of one stream. A packet that cannot be decoded costs its frame, which repeats the last one.

    `ascending`: frames do not come with their own times, and take those of the packets in their order.
    """

    total: int  # frames that there should be, 0 where nobody knows
    damage: Damage
    ascending: bool = False
    _due: list[int] = field(default_factory=list)  # a heap of times whose frames have not come yet
    _failed: set[int] = field(default_factory=set)
    _last: Any = None
    _is_damaged: bool = False  # until the next key frame: frames may be missing without an error
    _error: Exception | None = None

    def shown(self, packets: Iterator[Any]) -> Iterator[Shown]:
        """Raises SharpcamError where more than LOST_SHARE is lost, FFmpegError where nothing at all can be decoded."""
        for packet in packets:
            if packet.size and packet.pts is not None and not packet.is_discard:
                heapq.heappush(self._due, packet.pts)
            for frame in self._decoded(packet):
                yield from self._lost_before(frame.pts)
                yield Shown(frame, self._time_of(frame))
                self._last = frame
                self._is_damaged &= not frame.key_frame
            if packet.pts is None and self._error_of(packet):
                yield from self._repeated(None)
        yield from self._lost_before(None)
        if self._last is None and self._error:
            raise self._error
        self._check()

    def _decoded(self, packet: Any) -> list[Any]:
        """The frames that a packet completes. The empty packet at the end flushes all that are still in the decoder."""
        frames: list[Any] = []
        while True:
            try:
                frames += packet.decode()
            except (EOFError, MemoryError) as error:
                if isinstance(error, MemoryError):
                    raise
            except av.error.FFmpegError as error:
                self._error, self._is_damaged = error, True
                self._failed.add(packet.pts)
                if not packet.size:
                    continue
            return frames

    def _error_of(self, packet: Any) -> bool:
        return packet.pts in self._failed and bool(packet.size)

    def _time_of(self, frame: Any) -> int | None:
        if self.ascending and self._due:
            return heapq.heappop(self._due)
        if self._due and self._due[0] == frame.pts:
            heapq.heappop(self._due)
        return int(frame.pts) if frame.pts is not None else None

    def _lost_before(self, pts: int | None) -> Iterator[Shown]:
        """What should have been shown before `pts`, and was lost; None: of all that is left."""
        while self._due and self._is_over(self._due[0], pts):
            at = heapq.heappop(self._due)
            if at in self._failed or self._is_damaged:
                yield from self._repeated(at)

    def _is_over(self, due: int, pts: int | None) -> bool:
        return due in self._failed if self.ascending and pts is not None else pts is None or due < pts

    def _repeated(self, pts: int | None) -> Iterator[Shown]:
        self.damage.lost += 1
        if self.total:
            self._check()
        if self._last is not None:
            yield Shown(self._last, pts, is_lost=True)

    def _check(self) -> None:
        if self.total and self.damage.lost > LOST_SHARE * self.total:
            raise SharpcamError(
                f"More than {self.damage.lost - 1} of its {self.total} frames cannot be decoded, which is too much. "
                "Give another copy of the video."
            )
