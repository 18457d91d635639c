"""A video through an enhancer: its times, rotation and colours kept, its other streams copied, resumed after a kill.

Frames are decoded, enhanced and encoded by three threads. What is encoded is kept in segments, each of an encoder of
its own, so that a killed run goes on behind the last whole one, and gives the same file as a run without a break.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.files import whole_file
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256
from pipeline.core.lookahead import ahead
from pipeline.enhance.encoding import Encoding, container_of, open_encoder
from pipeline.enhance.enhancer import Enhancer, State
from pipeline.enhance.muxing import check_container, mux
from pipeline.enhance.segments import Coded, Segments
from pipeline.enhance.video_checks import check
from pipeline.media.colours import SWSCALE
from pipeline.media.decoding import Damage
from pipeline.media.orientation import AS_STORED, Matrix, enlarged, left_to_players, shown_size, swaps_sides, upright
from pipeline.media.video import Facts, Timed, check_end, look_at, opened, read_frames

SEGMENT_FRAMES = 250
AHEAD_FRAMES = 4


def enhance_video(
    source: Path,
    target: Path,
    enhancer: Enhancer,
    encoding: Encoding,
    *,
    segment_frames: int = SEGMENT_FRAMES,
    as_shown: bool = False,
    keep_interlaced: bool = False,
    damage: Damage | None = None,
    advance: Callable[[int], object] = int,
) -> tuple[int, tuple[int, int]]:
    """Enhance `source` to `target`, which is there whole or not at all; gives its frames and size (width, height).

    `as_shown`: the pixels are turned as players do; else the file says how. `advance` is told of frames that are done,
    `damage` counts those that are damaged.
    Raises SharpcamError where the video cannot be decoded to its end, or the file does not become what it should.
    """
    container, facts = container_of(target), look_at(source)
    encoding = encoding.suited(target, bits=facts.colours.bits)
    interlaced, bits = facts.interlaced and not keep_interlaced, kept_bits(facts, encoding, enhancer)
    facts = replace(facts, interlaced=interlaced, colours=facts.colours._replace(bits=bits))
    turned, told = (facts.matrix, left_to_players(facts.matrix)) if as_shown else (AS_STORED, facts.matrix)
    if facts.aspect and swaps_sides(turned):
        facts = replace(facts, aspect=1 / facts.aspect)
    check_container(facts, encoding, container, size=enhancer.size_of(shown_size(facts.size, turned)))
    check_end(facts)
    target.parent.mkdir(parents=True, exist_ok=True)
    identity = {
        "source": sha256(source),
        "enhancer": enhancer.identity,
        "encoding": [encoding.codec, encoding.options, encoding.threads],
        "segment_frames": segment_frames,
        "upright": as_shown,
        "deinterlaced": interlaced,
        "bits": bits,
    }
    segments = Segments(part_of(target), identity)
    advance(done := segments.begin())
    frames = read_frames(facts, begin=done, damage=damage)
    _grow(segments, frames, enhancer, partial(encode, facts=facts, encoding=encoding), turned, segment_frames, advance)
    with whole_file(target) as temporary:
        matrix = enlarged(told, by=segments.size[0] / facts.size[0])
        mux(segments, facts, encoding, temporary, container=container, matrix=matrix)
        check(source, temporary, segments.times(), facts)
    times = segments.times()
    segments.remove()
    return len(times), size_of(target)


def _grow(
    segments: Segments,
    frames: Iterator[Timed],
    enhancer: Enhancer,
    encode: Callable[..., list[Coded]],
    turned: Matrix,
    segment_frames: int,
    advance: Callable[[int], object],
) -> None:
    """Add the segments that are missing, made of the `frames` after those that are there."""
    enhancer.measured[:] = segments.measured()
    kept = len(enhancer.measured)
    enhancer.restore(segments.state())
    states: deque[State] = deque()  # of the stream, at the end of each whole segment
    read = ahead(frames, most=AHEAD_FRAMES)
    pictures = ahead(_enhanced(read, enhancer, turned, states, segment_frames), most=AHEAD_FRAMES)
    with closing(pictures):
        for first in pictures:
            several = chain([first], islice(pictures, segment_frames - 1))
            size = first.picture.shape[1], first.picture.shape[0]
            packets = encode(_counted(several, advance), size=size)
            measured = enhancer.measured[kept : kept + len(packets)]  # frames ahead of these are measured already
            is_whole = len(packets) == segment_frames
            segments.add(packets, size=size, measured=measured, state=states.popleft() if is_whole else None)
            kept += len(packets)


def kept_bits(facts: Facts, encoding: Encoding, enhancer: Enhancer) -> int:
    """Bits of a colour in what is made of a video: 8 or more."""
    return min(facts.colours.bits, encoding.bits, enhancer.bits)


def size_of(video: Path) -> tuple[int, int]:
    """(width, height) of a video as stored."""
    with opened(video) as (_, stream):
        return stream.width, stream.height


def part_of(target: Path) -> Path:
    """The folder in which a video grows."""
    return target.with_name(f".{target.name}.segments")


def _enhanced(
    frames: Generator[Timed, None, None],
    enhancer: Enhancer,
    turned: Matrix,
    states: "deque[State]",
    segment_frames: int,
) -> Iterator[Timed]:
    with closing(frames):
        for number, (picture, pts, duration) in enumerate(frames, start=1):
            enhanced = enhancer.enhance(upright(picture, turned))
            if number % segment_frames == 0:
                states.append(enhancer.state)
            yield Timed(enhanced, pts, duration)


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
    """A picture (h, w, 3) RGB, uint8 or uint16, as FFmpeg's frame, in the source's colours."""
    form = "rgb24" if picture.dtype == np.uint8 else "rgb48le"
    rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), format=form)  # no copy
    frame = rgb.reformat(
        format=encoding.pixels(facts.colours.bits),
        dst_colorspace=SWSCALE[facts.colours.matrix],
        dst_color_range=facts.colours.range,
        threads=1,
    )
    frame.pts, frame.time_base = pts, facts.time_base
    return frame
