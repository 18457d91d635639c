"""A video as it is read: what is known of it, its frames in RGB with their times, and whether its end is there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.media.colours import Colours, colours_of, in_rgb
from pipeline.media.containers import check_pixels, decodable, open_container
from pipeline.media.continuity import RESTARTING, Continuity
from pipeline.media.decoding import Damage, Decoder, Shown
from pipeline.media.interlacing import deinterlaced
from pipeline.media.orientation import Matrix, matrix_of

ONE_LENGTH = {"asf", "flv"}  # containers that tell one for all of their streams
COPIED = ("audio", "subtitle", "attachment")
WITH_FRAMES = {  # what lies beside the pixels of each frame and is not kept
    "DOVI_METADATA": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "A53_CC": "closed captions",
    "SPHERICAL": "that it shows all around (360°)",
    "STEREO3D": "that it is stereoscopic",
    "ICC_PROFILE": "its colour profile",
}
FIRST_FRAMES = 24  # whose times are looked at: more than any codec holds back
END_IS_MISSING = 0.9  # of the length that a video claims
LAST_FRAME_S = 0.1  # its duration is not always told
OTHER_COPY = "Give another copy of it. Of a recording that was broken off the index is missing: untrunc can rebuild it."
MISSED_S = 5.0  # and never more of it than this


@dataclass(frozen=True)
class Facts:
    """What is known of a video before it is decoded."""

    path: Path
    size: tuple[int, int]  # (width, height) as stored
    frames: int  # as the file claims, or by its length
    rate: Fraction
    time_base: Fraction
    colours: Colours
    matrix: Matrix  # how it is to be turned
    aspect: Fraction | None  # of a pixel
    ascending: bool = False  # frames come without their own times
    alpha: bool = False  # what is transparent is not read
    interlaced: bool = False  # frames are read deinterlaced
    with_frames: tuple[str, ...] = ()  # what lies beside the pixels and is not kept, in a few words

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
            videos = [stream for stream in decodable(container) if not is_cover(stream)]
            if not videos:
                raise SharpcamError(f"{path} holds no video that is decoded here. Give one that a video player shows.")
            check_pixels(videos[0], path)
            videos[0].thread_type = "SLICE"  # with threads for frames, what damage costs depends on the threads
            yield container, videos[0]
    except EOFError:
        raise SharpcamError(
            f"{path} is not a video that can be decoded to its end (its end is missing). "
            'Repair it, for example with "ffmpeg -i in -c copy out", or give another file.'
        ) from None
    except av.error.FFmpegError as error:
        raise SharpcamError(f"{path} is not a video that can be decoded ({error.strerror}). {OTHER_COPY}") from None


def is_cover(stream: Any) -> bool:
    """Whether a stream is the cover of what is played: a single picture."""
    return stream.type == "video" and bool(stream.disposition & stream.disposition.__class__.attached_pic)


def look_at(path: Path) -> Facts:
    """The facts of a video. Raises SharpcamError where it shows nothing."""
    with opened(path) as (container, stream):
        first = [shown.frame for shown in islice(shown_frames(container, stream), FIRST_FRAMES)]
        if not first:
            raise SharpcamError(f"{path} holds no frame. Give a file that a video player shows.")
        frame = first[0]
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        seconds = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
        if container.format.name in RESTARTING:  # a length is only the difference of two times of its clock
            seconds = 0
        return Facts(
            path,
            (frame.width, frame.height),
            stream.frames or round(seconds * rate) or count_frames(path),
            rate,
            Fraction(stream.time_base),
            colours_of(frame),
            matrix_of(frame),
            stream.sample_aspect_ratio,
            comes_without_times(path),
            stream.metadata.get("alpha_mode") == "1" or any(part.is_alpha for part in frame.format.components),
            any(each.interlaced_frame for each in first),
            tuple(words for name, words in WITH_FRAMES.items() if frame.side_data.get(name) is not None),
        )


def comes_without_times(path: Path) -> bool:
    """Whether the first frames have times that step back: those of the packets in their order, not their own."""
    with opened(path) as (container, stream):
        packets = [packet.pts for packet in islice(container.demux(stream), FIRST_FRAMES) if packet.size]
        if not stream.codec_context.has_b_frames or None in packets or _steps_back(packets):
            return False
    with opened(path) as (container, stream):
        times = [shown.pts for shown in islice(shown_frames(container, stream), FIRST_FRAMES) if shown.pts is not None]
        return _steps_back(times)


def _steps_back(times: list[int]) -> bool:
    return any(later < earlier for earlier, later in pairwise(times))


def shown_frames(
    container: Any, stream: Any, *, total: int = 0, damage: Damage | None = None, ascending: bool = False
) -> Iterator[Shown]:
    """All frames of a video. Raises what `Decoder.shown` raises."""
    decoder = Decoder(
        Path(container.name).name, stream.codec_context.codec.canonical_name, total, damage or Damage(), ascending
    )
    packets = continuing(container, stream)
    yield from decoder.shown(packet for packet in packets if packet.stream.index == stream.index)


def copied_streams(container: Any) -> list[Any]:
    """What is copied beside the picture: sound, subtitles, the fonts of these, and covers."""
    return [stream for stream in container.streams if stream.type in COPIED or is_cover(stream)]


def continuing(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of a video and of all that is copied beside it, with times that go on where its clock jumps.

    Always of all: which stream comes first to a jump decides where they go on. The empty ones at the end, one a
    stream, know theirs only as `packet.stream`: their `stream_index` is 0.
    """
    wanted = [stream, *copied_streams(container)]
    return Continuity(container.format.name in RESTARTING).mended(container.demux(wanted))


def count_frames(path: Path) -> int:
    """The frames of a video that does not say how many it has, nor how long it is: its packets."""
    with opened(path) as (container, stream):
        return sum(packet.size > 0 for packet in container.demux(stream))


def read_frames(facts: Facts, *, begin: int, damage: Damage | None = None) -> Iterator[Timed]:
    """The frames of a video from number `begin` on, RGB as stored, with times that ascend.

    `damage` counts those that are damaged. They are uint8, or uint16 where `facts` tell of more bits.
    Raises SharpcamError where the video ends before its end, or too much of it is damaged.
    """
    with opened(facts.path) as (container, stream):
        shown = shown_frames(container, stream, total=facts.frames, damage=damage, ascending=facts.ascending)
        frames = _at_ascending_times(shown, facts)
        pts = ends = 0
        for number, frame in enumerate(deinterlaced(frames, time_base=facts.time_base) if facts.interlaced else frames):
            ends = frame.pts + max(facts.step, frame.pts - pts if number else 0)
            pts = frame.pts
            if number >= begin:
                yield Timed(in_rgb(frame, facts.colours), pts, frame.duration or facts.step)
        seen_s = (ends - (stream.start_time or 0)) * facts.time_base
        if seen_s < END_IS_MISSING * claimed_s(container, stream):
            raise EOFError


def _at_ascending_times(frames: Iterable[Shown], facts: Facts) -> Iterator[Any]:
    """Frames of PyAV, each later than the one before. Raises SharpcamError where their size changes."""
    pts = -(1 << 62)
    for number, (frame, at, _) in enumerate(frames):
        expected = pts + facts.step if number else 0
        frame.pts = pts = max(expected if at is None else at, pts + 1)
        if (frame.width, frame.height) != facts.size:
            raise SharpcamError(f"{facts.path} changes its size in the middle. Cut it there into two videos.")
        yield frame


def claimed_s(container: Any, stream: Any) -> float:
    """How long a video says it is, 0 where it does not say. What it holds beside pictures may be longer than they.

    By a clock that may begin again, a length is only the difference of two times.
    """
    if container.format.name in RESTARTING:
        return 0.0
    alone = len(container.streams) == 1
    if stream.duration is not None and (alone or container.format.name not in ONE_LENGTH):
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if alone and container.duration is not None else 0.0


def check_end(facts: Facts) -> None:
    """Raise SharpcamError where a file ends before it says: before hours of work, not after them.

    What is shown beside the pictures may end later than they, so the last packet of all streams counts.
    """
    with opened(facts.path) as (container, stream):
        kind = container.format.name
        claimed_s = 0 if kind in RESTARTING else (container.duration or 0) / av.time_base
        if kind == "avi":  # there FFmpeg goes by what is left, not by what the header says
            claimed_s = float(stream.frames * stream.time_base)
        end_s, is_cut = 0.0, dict.fromkeys(range(len(container.streams)), False)
        for packet in container.demux():
            at = packet.dts if packet.pts is None else packet.pts
            if at is not None and packet.size:
                end_s = max(end_s, float((at + (packet.duration or 0)) * packet.time_base))
                is_cut[packet.stream_index] = packet.is_corrupt and kind != "mpegts"  # broadcasts live with that
        least_s = max(LAST_FRAME_S, 2 * float(facts.step * facts.time_base))
        if any(is_cut.values()) or claimed_s - end_s > max(least_s, min((1 - END_IS_MISSING) * claimed_s, MISSED_S)):
            raise EOFError
