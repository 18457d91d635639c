"""A video as it is read: what is known of it, its frames in RGB with their times, and whether its end is there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import av

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.media.containers import check_pixels, open_container
from pipeline.media.sources import claimed_s

FROM_HD = 720  # lines, from which on players take what says nothing of its colours as BT.709
SMPTE170M, BT709, UNSPECIFIED, LIMITED = 6, 1, 2, 1  # ITU-T H.273
SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # matrices, as the converter of colours counts them
WITH_MATRIX = {1: (1, 1), 4: (4, 4), 5: (5, 6), 6: (6, 6), 7: (7, 7), 9: (9, 14), 10: (9, 14)}  # primaries, transfer
END_IS_MISSING = 0.9  # of the length that a video claims
IN_A_ROW = 100  # frames between two that are looked at: where there are fewer, all are decoded
FROM_KEY_FRAME = 300  # frames that are decoded at most to come to one that is looked for
MISSED_S = 5.0  # and never more of it than this


class Colours(NamedTuple):
    """How a video's numbers mean colours, as FFmpeg counts (ITU-T H.273)."""

    matrix: int
    range: int
    primaries: int
    transfer: int


@dataclass(frozen=True)
class Facts:
    """What is known of a video before it is decoded."""

    path: Path
    size: tuple[int, int]  # (width, height) as stored
    frames: int  # as the file claims, or by its length
    rate: Fraction
    time_base: Fraction
    colours: Colours
    rotation: int  # degrees, counter-clockwise
    aspect: Fraction | None  # of a pixel

    @property
    def step(self) -> int:
        """The usual duration of a frame, in ticks."""
        return max(1, round(1 / (self.rate * self.time_base)))


class Timed(NamedTuple):
    """A picture of a video with its time, in ticks of the time base."""

    picture: Frame
    pts: int
    duration: int


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its video stream. What cannot be decoded is said in a sentence."""
    try:
        with open_container(path) as container:
            videos = [stream for stream in container.streams.video if not _is_cover(stream)]
            if not videos:
                raise SharpcamError(f"{path} holds no video. Give a file that a video player shows.")
            videos[0].thread_type = "AUTO"
            yield container, videos[0]
    except (av.error.FFmpegError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "its end is missing"
        raise SharpcamError(
            f"{path} is no video that can be decoded to its end ({reason}). "
            'Repair it, for example with "ffmpeg -i in -c copy out", or give another file.'
        ) from None


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.__class__.attached_pic)


def look_at(path: Path) -> Facts:
    """The facts of a video. Raises SharpcamError where it shows nothing."""
    with opened(path) as (container, stream):
        check_pixels(stream, path)
        frame = next(container.decode(stream), None)
        if frame is None:
            raise SharpcamError(f"{path} holds no frame. Give a file that a video player shows.")
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        seconds = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
        return Facts(
            path,
            (frame.width, frame.height),
            stream.frames or round(seconds * rate) or count_frames(path),
            rate,
            Fraction(stream.time_base),
            _colours(frame),
            round(frame.rotation or 0),
            stream.sample_aspect_ratio,
        )


def count_frames(path: Path) -> int:
    """The frames of a video that does not say how many it has, nor how long it is: its packets."""
    with opened(path) as (container, stream):
        return sum(packet.size > 0 for packet in container.demux(stream))


def _colours(frame: Any) -> Colours:
    """What a frame says of its colours, or what players take it for where it says nothing."""
    told = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
    matrix, span, primaries, transfer = (int(value) for value in told)
    if matrix not in SWSCALE:
        matrix = BT709 if frame.height >= FROM_HD else SMPTE170M
    full = frame.format.name.startswith("yuvj")
    return Colours(
        matrix,
        2 if full else span or LIMITED,
        WITH_MATRIX[matrix][0] if primaries == UNSPECIFIED else primaries,
        WITH_MATRIX[matrix][1] if transfer == UNSPECIFIED else transfer,
    )


def read_frames(facts: Facts, *, begin: int) -> Iterator[Timed]:
    """The frames of a video from number `begin` on, RGB as stored, with times that ascend.

    Raises SharpcamError where the video ends before its end.
    """
    with opened(facts.path) as (container, stream):
        pts = -(1 << 62)
        for number, frame in enumerate(container.decode(stream)):
            expected = pts + facts.step if number else 0
            pts = max(frame.pts if frame.pts is not None else expected, pts + 1)
            if number < begin:
                continue
            if (frame.width, frame.height) != facts.size:
                raise SharpcamError(f"{facts.path} changes its size in the middle. Cut it there into two videos.")
            yield Timed(_in_rgb(frame, facts), pts, frame.duration or facts.step)
        seen_s = (pts + facts.step - (stream.start_time or 0)) * facts.time_base
        if seen_s < END_IS_MISSING * claimed_s(container, stream):
            raise EOFError


def _in_rgb(frame: Any, facts: Facts) -> Frame:
    matrix, span = SWSCALE[facts.colours.matrix], facts.colours.range
    picture: Frame = frame.reformat(format="rgb24", src_colorspace=matrix, src_color_range=span).to_ndarray()
    return picture


@dataclass(frozen=True)
class Glance:
    """A few frames spread evenly over a video, RGB as stored, always the same; decoded anew each time.

    A short video is decoded as a whole; in a longer one each frame is decoded from the key frame before it. Key frames
    alone would not do: they look better than the others.
    """

    facts: Facts
    count: int = 24

    def __iter__(self) -> Iterator[Frame]:
        with opened(self.facts.path) as (container, stream):
            is_long = self.facts.frames > self.count * IN_A_ROW
            frames = self._spread_out(container, stream) if is_long else iter(())
            first = next(frames, None)
            if first is None:  # a short one, or one in which nothing can be looked for
                container.seek(0)
                frames = self._in_a_row(container, stream)
            for frame in chain([] if first is None else [first], frames):
                yield _in_rgb(frame, self.facts)

    def _in_a_row(self, container: Any, stream: Any) -> Iterator[Any]:
        step = max(1, min(self.facts.frames // self.count, IN_A_ROW))
        return islice(container.decode(stream), step // 2, self.count * step, step)

    def _spread_out(self, container: Any, stream: Any) -> Iterator[Any]:
        length, shown = stream.duration or self.facts.frames * self.facts.step, None
        with suppress(av.error.FFmpegError):
            for index in range(self.count):
                wanted = (stream.start_time or 0) + (2 * index + 1) * length // (2 * self.count)
                container.seek(wanted, stream=stream)
                frame = _near(container.decode(stream), wanted)
                if frame is not None and frame.pts != shown:
                    shown = frame.pts
                    yield frame


def _near(frames: Iterator[Any], wanted: int) -> Any:
    """The first of `frames` at that time, or the last that is looked at."""
    frame = None
    for frame in islice(frames, FROM_KEY_FRAME):
        if frame.pts is not None and frame.pts >= wanted:
            break
    return frame


def check_end(facts: Facts) -> None:
    """Raise SharpcamError where a file ends before it says: before hours of work, not after them.

    What is shown beside the pictures may end later than they, so the last packet of all streams counts.
    """
    with opened(facts.path) as (container, stream):
        kind = container.format.name
        claimed_s = (container.duration or 0) / av.time_base
        if kind == "avi":  # there FFmpeg goes by what is left, not by what the header says
            claimed_s = float(stream.frames * stream.time_base)
        end_s, is_cut = 0.0, False
        for packet in container.demux():
            at = packet.dts if packet.pts is None else packet.pts
            if at is not None:
                end_s = max(end_s, float((at + (packet.duration or 0)) * packet.time_base))
                is_cut |= packet.is_corrupt and kind != "mpegts"  # broadcasts live with that
        least_s = 2 * float(facts.step * facts.time_base)  # the last frame's duration is not always told
        if is_cut or claimed_s - end_s > max(least_s, min((1 - END_IS_MISSING) * claimed_s, MISSED_S)):
            raise EOFError
