"""Times that go on: where the clock of a film jumps, as in joined recordings, what follows is moved to where it ended.

FFmpeg does the same where it copies streams: a step back is never meant, and clocks of broadcasts may begin again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

RESTARTING = {"mpegts", "mpeg"}  # containers whose clock may jump ahead, too; elsewhere that is a pause
BACK_S, AHEAD_S = Fraction(1, 10), 10  # which steps are jumps
NEAR_S = 1  # of where a stream went on, from which on its jump is that of the others


@dataclass
class Continuity:
    """The packets of one container, in the order in which they lie there."""

    restarts: bool
    _offsets: dict[int, Fraction] = field(default_factory=dict)  # seconds, by stream
    _expected: dict[int, Fraction] = field(default_factory=dict)  # when the next packet is due, seconds
    _newest: Fraction = Fraction(0)  # offset

    def mended(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The packets, their times moved behind each jump by the same for all streams."""
        for packet in packets:
            if packet.pts is not None or packet.dts is not None:
                offset = self._offset(packet)
                if ticks := round(offset / packet.time_base):
                    packet.pts = None if packet.pts is None else packet.pts + ticks
                    packet.dts = None if packet.dts is None else packet.dts + ticks
            yield packet

    def _offset(self, packet: Any) -> Fraction:
        stream = packet.stream_index
        if packet.stream.type not in ("video", "audio"):  # sparse, so that nothing is due
            return self._newest
        offset = self._offsets.get(stream, self._newest)
        if packet.dts is None:  # times of presentation step back by themselves
            return offset
        at = packet.dts * packet.time_base
        due = self._expected.get(stream, at + offset)
        if self._is_jump(at + offset - due):
            if offset == self._newest or abs(at + self._newest - due) > NEAR_S:  # it is the first to come there
                self._newest = due - at
            offset = self._newest
        self._offsets[stream] = offset
        self._expected[stream] = at + offset + (packet.duration or 0) * packet.time_base
        return offset

    def _is_jump(self, step: Fraction) -> bool:
        return step < -BACK_S or (self.restarts and step > AHEAD_S)
