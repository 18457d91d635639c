"""The frames of a video as they are shown: in order, one for each that is stored, also where the file is damaged."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import av

from pipeline.core.errors import SharpcamError

END = 1 << 63  # later than all
MOST_FLUSHES = 64  # of a decoder: more than any holds frames
DAMAGED_SHARE = 0.1  # of the frames, above which a video counts as broken
NO_ZEROS_IN, ZEROS = {"vp8", "vp9", "av1", "hevc"}, bytes(64)  # codecs in whose packets so many never lie in a row
STRICT = {"mjpeg": {"err_detect": "explode"}}  # options of decoders that then raise what else they conceal
FRAME_A_PACKET = {"h264", "hevc", "mpeg1video", "mpeg2video", "av1"}  # in others a packet may be meant to show nothing


@dataclass
class Damage:
    """How many frames of one video are damaged."""

    lost: int = 0  # not decoded at all
    concealed: int = 0  # decoded in part; the decoder fills the rest from frames around them
    suspected: int = 0  # decoded without a word, though their packets look damaged; they are shown, and never refused

    @property
    def frames(self) -> int:
        return self.lost + self.concealed

    def __str__(self) -> str:
        """A sentence for people; empty where nothing is damaged."""
        repeated = f"{_damaged(self.lost)} {'repeat the ones' if self.lost > 1 else 'repeats the one'} before"
        shown = f"{_damaged(self.concealed)} {'are' if self.concealed > 1 else 'is'} shown as far as decoded"
        seeming = f"{self.suspected} frame{'s seem' if self.suspected > 1 else ' seems'} damaged, and shown as decoded"
        told = {repeated: self.lost, shown: self.concealed, seeming: self.suspected}
        return "; ".join(sentence for sentence, count in told.items() if count)


def _damaged(count: int) -> str:
    return f"{count} damaged frame{'s' if count > 1 else ''}"


class Shown(NamedTuple):
    """A frame of PyAV, and when it is shown; `is_whole` unless it is damaged, or stands for one that is lost."""

    frame: Any
    pts: int | None
    is_whole: bool = True


@dataclass
class Decoder:
    """Decodes the packets of one stream. A packet that cannot be decoded costs its frame, which repeats the last one.

    A frame that the decoder conceals is shown: on films with damaged packets it lay up to 9 dB nearer to the truth
    than the frame before it, on softly blurred ones up to 1.5 dB further; the frames after it are built on it.
    `ascending`: frames do not come with their own times, and take those of the packets in their order.
    """

    name: str  # of the video, for people
    codec: str
    total: int  # frames that there should be, 0 where nobody knows
    damage: Damage
    ascending: bool = False
    _due: list[int] = field(default_factory=list)  # a heap of times whose frames have not come yet
    _failed: set[int] = field(default_factory=set)
    _last: Any = None
    _is_damaged: bool = False  # until the next key frame: frames may be missing without an error
    _error: Exception | None = None
    _strict: Any = None  # a second decoder, for packets that the first one takes without a word

    def shown(self, packets: Iterator[Any]) -> Iterator[Shown]:
        """Raises SharpcamError where more than DAMAGED_SHARE is damaged, FFmpegError where nothing can be decoded."""
        for packet in packets:
            if packet.size and packet.pts is not None and not packet.is_discard:
                heapq.heappush(self._due, packet.pts)
            frames, is_bad = self._decoded(packet)
            self.damage.suspected += bool(not is_bad and frames and self._looks_damaged(packet))
            for frame in frames:
                if frame.pts is not None:
                    yield from self._lost_before(frame.pts)
                if frame.is_corrupt:
                    self.damage.concealed += 1
                    self._check_share()
                yield Shown(frame, self._time_of(frame), is_whole=not frame.is_corrupt)
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

    def _looks_damaged(self, packet: Any) -> bool:
        """Whether a packet cannot be as it was written, though its decoder says nothing.

        Noise in VP8, VP9, AV1 and H.265 is not known from pictures.
        """
        if self.codec in NO_ZEROS_IN:
            return ZEROS in bytes(packet).rstrip(b"\0")
        if self.codec not in STRICT or not packet.size:
            return False
        if self._strict is None:
            self._strict = av.CodecContext.create(self.codec, "r")
            self._strict.options = STRICT[self.codec]
        try:
            self._strict.decode(packet)
        except av.error.FFmpegError:
            return True
        return False

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
            if at in self._failed or self._is_damaged or self._is_missed():
                yield from self._repeated(at)

    def _is_missed(self) -> bool:
        """Whether a packet that brought no frame, and no error, should have: frames that it is built on are lost.

        But for the first ones, as of a broadcast that is recorded from its middle on, and for fields, of which two make
        a frame.
        """
        has_begun = self._last is not None and not self._last.interlaced_frame
        return has_begun and self.codec in FRAME_A_PACKET and not self.ascending

    def _is_over(self, due: int, pts: int) -> bool:
        return due in self._failed if self.ascending and pts < END else due < pts

    def _repeated(self, pts: int | None) -> Iterator[Shown]:
        self.damage.lost += 1
        self._check_share()
        if self._last is not None:
            yield Shown(self._last, pts, is_whole=False)

    def _check_share(self) -> None:
        if self.total and self.damage.frames > DAMAGED_SHARE * self.total:
            raise SharpcamError(
                f"{self.name} is too damaged: {self.damage.frames} of its {self.total} frames could not be decoded, or "
                f"not whole, so far, and {DAMAGED_SHARE:.0%} are allowed. Give another copy of the video."
            )
