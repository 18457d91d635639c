"""A video through an enhancer: its times, rotation and colours kept, its other streams copied, resumed after a kill.

Frames are decoded, enhanced and encoded by three threads. What is encoded is kept in segments, each of an encoder of
its own, so that a killed run goes on behind the last whole one, and gives the same file as a run without a break.
"""

import hashlib
import heapq
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from pipeline.enhancing.ahead import ahead
from pipeline.enhancing.encoding import Colours, Encoding, container_of, open_encoder, written
from pipeline.enhancing.segments import Coded, Segments, decoding_times
from pipeline.enhancing.upscaler import Enhancer
from pipeline.errors import SharpcamError
from pipeline.files import whole_file
from pipeline.geometry import Frame
from pipeline.sources import claimed_s

SEGMENT_FRAMES = 250
AHEAD_FRAMES = 4
FROM_HD = 720  # lines, from which on players take what says nothing of its colours as BT.709
SMPTE170M, BT709, UNSPECIFIED, LIMITED = 6, 1, 2, 1  # ITU-T H.273
SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # matrices, as the converter of colours counts them
WITH_MATRIX = {1: (1, 1), 4: (4, 4), 5: (5, 6), 6: (6, 6), 7: (7, 7), 9: (9, 14), 10: (9, 14)}  # primaries, transfer
TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, -180: cv2.ROTATE_180, -90: cv2.ROTATE_90_CLOCKWISE}
LARGEST_SHIFT_S = 0.005  # between sound and picture, which containers round to milliseconds
END_IS_MISSING = 0.9  # of the length that a video claims
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
        with av.open(str(path)) as container:
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
            rgb = frame.reformat(
                format="rgb24", src_colorspace=SWSCALE[facts.colours.matrix], src_color_range=facts.colours.range
            )
            yield Timed(rgb.to_ndarray(), pts, frame.duration or facts.step)
        seen_s = (pts + facts.step - (stream.start_time or 0)) * facts.time_base
        if seen_s < END_IS_MISSING * claimed_s(container, stream):
            raise EOFError


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


def enhance_video(
    source: Path,
    target: Path,
    enhancer: Enhancer,
    encoding: Encoding,
    *,
    segment_frames: int = SEGMENT_FRAMES,
    upright: bool = False,
    advance: Callable[[int], object] = int,
) -> tuple[int, tuple[int, int]]:
    """Enhance `source` to `target`, which is there whole or not at all; gives its frames and size (width, height).

    `upright`: the pixels are turned as players do; else the file says how. `advance` is told of frames that are done.
    Raises SharpcamError where the video cannot be decoded to its end, or the file does not become what it should.
    """
    container, encoding = container_of(target), encoding.suited(target)
    facts = look_at(source)
    check_container(facts, encoding, container)
    check_end(facts)
    target.parent.mkdir(parents=True, exist_ok=True)
    identity = {
        "source": sha256_of(source),
        "enhancer": enhancer.identity,
        "encoding": [encoding.codec, encoding.options, encoding.threads],
        "segment_frames": segment_frames,
        "upright": upright,
    }
    segments = Segments(part_of(target), identity)
    advance(done := segments.begin())
    enhancer.measured[:] = segments.measured()
    kept = len(enhancer.measured)
    turn = TURNS.get(facts.rotation) if upright else None
    frames = ahead(read_frames(facts, begin=done), most=AHEAD_FRAMES)
    pictures = ahead(_enhanced(frames, enhancer, turn), most=AHEAD_FRAMES)
    with closing(pictures):
        for first in pictures:
            several = chain([first], islice(pictures, segment_frames - 1))
            size = first.picture.shape[1], first.picture.shape[0]
            packets = encode(_counted(several, advance), facts, encoding, size=size)
            measured = enhancer.measured[kept : kept + len(packets)]  # frames ahead of these are measured already
            segments.add(packets, size=size, measured=measured)
            kept += len(packets)
    with whole_file(target) as temporary:
        mux(segments, facts, encoding, temporary, container=container, rotation=0 if upright else facts.rotation)
        check(source, temporary, segments.times(), facts)
    times = segments.times()
    segments.remove()
    return len(times), size_of(target)


def size_of(video: Path) -> tuple[int, int]:
    """(width, height) of a video as stored."""
    with opened(video) as (_, stream):
        return stream.width, stream.height


def part_of(target: Path) -> Path:
    """The folder in which a video grows."""
    return target.with_name(f".{target.name}.segments")


def sha256_of(file: Path) -> str:
    """Hash of a file of any size."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _enhanced(frames: Generator[Timed, None, None], enhancer: Enhancer, turn: int | None) -> Iterator[Timed]:
    with closing(frames):
        for picture, pts, duration in frames:
            upright = picture if turn is None else np.asarray(cv2.rotate(picture, turn))
            yield Timed(enhancer.enhance(upright), pts, duration)


def _counted(pictures: Iterable[Timed], advance: Callable[[int], object]) -> Iterator[Timed]:
    for picture in pictures:
        yield picture
        advance(1)


def encode(pictures: Iterable[Timed], facts: Facts, encoding: Encoding, *, size: tuple[int, int]) -> list[Coded]:
    """The packets of `pictures` of `size` (width, height), of an encoder of their own, in coded order."""
    context = av.CodecContext.create(encoding.table.encoder, "w")
    encoding.tune(context, facts.colours, size=size, rate=facts.rate, base=facts.time_base)
    durations: dict[int, int] = {}
    packets: list[Any] = []
    try:
        open_encoder(context)
        for picture, pts, duration in pictures:
            durations[pts] = duration
            packets += context.encode(as_frame(picture, pts, facts, encoding))
        packets += context.encode(None)
    except av.error.FFmpegError as error:
        raise SharpcamError(f"The encoder {encoding.codec} gave up ({error}). Choose another --codec.") from None
    return [Coded(bytes(packet), packet.pts, durations[packet.pts], packet.is_keyframe) for packet in packets]


def as_frame(picture: Frame, pts: int, facts: Facts, encoding: Encoding) -> Any:
    """A picture (h, w, 3) RGB as FFmpeg's frame, in the source's colours."""
    rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), format="rgb24")  # no copy
    frame = rgb.reformat(
        format=encoding.table.pixels,
        dst_colorspace=SWSCALE[facts.colours.matrix],
        dst_color_range=facts.colours.range,
        threads=1,
    )
    frame.pts, frame.time_base = pts, facts.time_base
    return frame


def mux(segments: Segments, facts: Facts, encoding: Encoding, file: Path, *, container: str, rotation: int) -> None:
    """Write the video's packets, and those of the source's other streams as they are, in the order of their times."""
    with opened(facts.path) as (source, _), written(file, container=container) as target:
        video = _video_of(facts, encoding, target, size=segments.size)
        if rotation:
            video.set_display_rotation(rotation)
        others = _others_of(source, target)
        wanted = [stream for stream in source.streams if stream.index in others]
        copied = _copied_packets(source.demux(wanted), others) if wanted else iter(())
        for _, packet in heapq.merge(_video_packets(segments, video), copied, key=lambda timed: timed[0]):
            target.mux(packet)


def copied_streams(container: Any) -> list[Any]:
    """What is copied beside the picture: sound, subtitles, and the fonts of these."""
    return [stream for stream in container.streams if stream.type in ("audio", "subtitle", "attachment")]


def check_container(facts: Facts, encoding: Encoding, container: str) -> None:
    """Raise SharpcamError where a container cannot hold these streams: at once, by its header, written to memory."""
    size = 2 * facts.size[0], 2 * facts.size[1]
    check_encoder(facts, encoding, size=size)
    with opened(facts.path) as (source, _), written(BytesIO(), container=container) as target:
        _video_of(facts, encoding, target, size=size)
        _others_of(source, target)
        target.start_encoding()


def check_encoder(facts: Facts, encoding: Encoding, *, size: tuple[int, int]) -> None:
    """Raise SharpcamError where the encoder does not take pictures of `size` (width, height), or its options."""
    context = av.CodecContext.create(encoding.table.encoder, "w")
    encoding.tune(context, facts.colours, size=size, rate=facts.rate, base=facts.time_base)
    try:
        open_encoder(context)
    except av.error.FFmpegError as error:
        told = f"crf {encoding.options['crf']}" if "crf" in encoding.options else "its options"
        raise SharpcamError(
            f"The encoder {encoding.codec} does not take {size[0]}x{size[1]} with {told} ({error.strerror}). "
            "Choose another --codec or --quality."
        ) from None


def _video_of(facts: Facts, encoding: Encoding, target: Any, *, size: tuple[int, int]) -> Any:
    """The stream of the pictures in a container that is written; the encoder gives it its header, and no packet."""
    video = target.add_stream(encoding.table.encoder)
    encoding.tune(video.codec_context, facts.colours, size=size, rate=facts.rate, base=facts.time_base)
    video.time_base = facts.time_base
    if facts.aspect:
        video.codec_context.sample_aspect_ratio = facts.aspect
    open_encoder(video.codec_context)
    return video


def _others_of(source: Any, target: Any) -> dict[int, Any]:
    """Copies of the source's other streams in a container that is written, by their index there; and what it tells."""
    target.metadata.update(source.metadata)
    target.set_chapters(source.chapters())
    copies = {}
    for stream in copied_streams(source):
        copies[stream.index] = copy = target.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
    return copies


def _video_packets(segments: Segments, stream: Any) -> Iterator[tuple[float, Any]]:
    base = stream.time_base
    times = decoding_times([pts for pts, _ in segments.times()])
    for coded, dts in zip(segments.packets(), times, strict=True):
        packet = av.Packet(coded.data)
        packet.stream, packet.time_base = stream, base
        packet.pts, packet.dts, packet.duration = coded.pts, dts, coded.duration
        packet.is_keyframe = coded.is_key
        yield float(dts * base), packet


def _copied_packets(packets: Iterator[Any], streams: dict[int, Any]) -> Iterator[tuple[float, Any]]:
    for packet in packets:
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is not None:  # None: the empty one at the end
            seconds = float(packet.dts * packet.time_base)
            packet.stream = streams[packet.stream_index]
            yield seconds, packet


def check(source: Path, made: Path, times: list[tuple[int, int]], facts: Facts) -> None:
    """Raise SharpcamError unless `made` has all frames, the length and the sound where they were."""
    ours, theirs = _timeline(made), _timeline(source)
    if ours.frames != len(times):
        raise SharpcamError(f"{ours.frames} of {len(times)} frames came into the file. Please report this.")
    expected = float((max(map(sum, times)) - min(pts for pts, _ in times)) * facts.time_base)
    if abs(ours.seconds - expected) > float(facts.step * facts.time_base) + LARGEST_SHIFT_S:
        raise SharpcamError(f"The file lasts {ours.seconds:.3f} s in place of {expected:.3f} s. Please report this.")
    if len(ours.starts) != len(theirs.starts):
        raise SharpcamError(
            f"{len(ours.starts)} of {len(theirs.starts)} sounds came into the file. Please report this."
        )
    shown = float(min(pts for pts, _ in times) * facts.time_base)  # what comes before a key frame never is
    shifts = [abs((a - ours.first) - (b - shown)) for a, b in zip(ours.starts, theirs.starts, strict=True)]
    if max(shifts, default=0) > LARGEST_SHIFT_S:
        raise SharpcamError(f"Sound and picture lie {max(shifts):.3f} s apart. End OUTPUT in another container.")


class Timeline(NamedTuple):
    """What a finished video is held to."""

    frames: int
    seconds: float  # of its pictures
    first: float  # of its pictures, when it is shown, seconds
    starts: list[float]  # of each copied sound, seconds


def _timeline(path: Path) -> Timeline:
    with opened(path) as (container, video):
        copied = [stream for stream in copied_streams(container) if stream.type == "audio"]
        starts: dict[int, float] = {}
        frames, first, end = 0, float("inf"), 0.0
        for packet in container.demux([video, *copied]):
            if packet.pts is None:
                continue
            at = float(packet.pts * packet.time_base)
            if packet.stream_index == video.index:
                frames, first = frames + 1, min(first, at)
                end = max(end, at + float((packet.duration or 0) * packet.time_base))
            else:
                starts.setdefault(packet.stream_index, at)
        sounds = [starts[stream.index] for stream in copied if stream.index in starts]
        return Timeline(frames, end - first, first, sounds)
