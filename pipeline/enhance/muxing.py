"""A video's file as it is written: the packets of its pictures, and the source's other streams as they are."""

import heapq
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import av

from pipeline.core.errors import SharpcamError
from pipeline.enhance.encoding import Encoding, open_encoder, written
from pipeline.enhance.segments import Segments, decoding_times
from pipeline.media.video import Facts, opened


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
