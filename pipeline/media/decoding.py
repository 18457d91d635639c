"""The frames of a video as they are shown: in order, one for each that is stored, also where the file is damaged."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import av

from pipeline.core.errors import SharpcamError

END = 1 << 63  # later than all
MOST_FLUSHES = 64  # of a decoder: more than any holds frames
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

    name: str  # of the video, for people
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
            frames, is_bad = self._decoded(packet)
            for frame in frames:
                if frame.pts is not None:
                    yield from self._lost_before(frame.pts)
                yield Shown(frame, self._time_of(frame))
                self._last = frame
                self._is_damaged &= not frame.key_frame
            if is_bad and packet.pts is None and packet.size:  # when it is due, nobody knows
                yield from self._repeated(None)
        yield from self._lost_before(END)
        if self._last is None and self._error:
            raise self._error

    def _decoded(self, packet: Any) -> tuple[list[Any], bool]:
        """The frames that a packet completes, and whether it is bad. The empty one at the end flushes the decoder."""
        frames: list[Any] = []
        for _ in range(1 if packet.size else MOST_FLUSHES):  # an error ends a flush in the middle
            try:
                frames += packet.decode()
                break
            except EOFError:
                break
            except MemoryError:
                raise
            except av.error.FFmpegError as error:
                self._error, self._is_damaged = error, True
                self._failed.add(packet.pts)
        else:
            return frames, True
        return frames, False

    def _time_of(self, frame: Any) -> int | None:
        if self.ascending and self._due:
            return heapq.heappop(self._due)
        if self._due and self._due[0] == frame.pts:
            heapq.heappop(self._due)
        return int(frame.pts) if frame.pts is not None else None

    def _lost_before(self, pts: int) -> Iterator[Shown]:
        """What should have been shown before `pts`, and was lost."""
        while self._due and self._is_over(self._due[0], pts):
            at = heapq.heappop(self._due)
            if at in self._failed or self._is_damaged:
                yield from self._repeated(at)

    def _is_over(self, due: int, pts: int) -> bool:
        return due in self._failed if self.ascending and pts < END else due < pts

    def _repeated(self, pts: int | None) -> Iterator[Shown]:
        self.damage.lost += 1
        if self.total and self.damage.lost > LOST_SHARE * self.total:
            raise SharpcamError(
                f"{self.name} is too damaged: {self.damage.lost} of its {self.total} frames could not be decoded so "
                f"far, and {LOST_SHARE:.0%} are allowed. Give another copy of the video."
            )
        if self._last is not None:
            yield Shown(self._last, pts, is_lost=True)
