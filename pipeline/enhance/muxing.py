"""A video's file as it is written: the packets of its pictures, and the source's other streams as they are."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from io import RawIOBase
from pathlib import Path
from typing import Any

import av

from pipeline.core.errors import SharpcamError
from pipeline.enhance.encoding import CannotHoldError, Encoding, open_encoder, written, written_to
from pipeline.enhance.segments import Segments, decoding_times
from pipeline.enhance.sound import TAKEN_BY, add_sound, recoded
from pipeline.media.containers import open_container
from pipeline.media.orientation import AS_STORED, Matrix
from pipeline.media.video import COPIED, Facts, continuing, copied_streams, is_cover, opened

COVER_IS_A_STREAM, HOLD_COVERS = ("mp4",), ("mp4", "matroska")
TAGS = {("h265", "mp4"): "hvc1", ("h265", "mov"): "hvc1"}  # what Apple's players look for
COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
TOLD_OF_PICTURES = ("language", "title", "timecode", "creation_time", "handler_name")
HOLD_NEARLY_ALL = {"matroska": ".mkv", "mp4": ".mp4", "mov": ".mov"}  # containers, the most able first
NOTHING_HOLDS_IT = "Convert what lies beside the pictures, for example with: ffmpeg -i {0} -c:v copy -c:a aac -sn x.mkv"


def check_container(facts: Facts, encoding: Encoding, container: str, *, size: tuple[int, int]) -> None:
    """Raise SharpcamError where a container cannot hold this video: all but its pictures is written, to nowhere."""
    check_encoder(facts, encoding, size=size)
    if not (reason := _why_not(facts, encoding, container, size=size)):
        return
    others = (name for name in HOLD_NEARLY_ALL if name != container)
    able = next((name for name in others if not _why_not(facts, encoding, name, size=size)), None)
    advice = f'End OUTPUT in "{HOLD_NEARLY_ALL[able]}"' if able else NOTHING_HOLDS_IT.format(facts.path.name)
    raise SharpcamError(f"A {container} file cannot hold this video ({reason}). {advice}.")


def _why_not(facts: Facts, encoding: Encoding, container: str, *, size: tuple[int, int]) -> str:
    """Why a container cannot hold what the source has beside its pictures; empty where it can."""
    try:
        with opened(facts.path) as (source, stream), written_to(Nowhere(), container=container) as target:
            _video_of(facts, encoding, target, like=stream, size=size)
            others, sounds = _others_of(source, target)
            target.start_encoding()
            for _, packet in _copied_packets(recoded(continuing(source, stream), sounds), others):
                target.mux(packet)
    except CannotHoldError as error:
        return str(error)
    return ""


def check_encoder(facts: Facts, encoding: Encoding, *, size: tuple[int, int]) -> None:
    """Raise SharpcamError where the encoder does not take pictures of `size` (width, height), or its options."""
    context = av.CodecContext.create(encoding.table.encoder, "w")
    encoding.tune(context, facts.colours, size=size, rate=facts.rate, base=facts.time_base)
    try:
        open_encoder(context)
    except av.error.FFmpegError as error:
        told = f"crf {encoding.options['crf']}" if "crf" in encoding.options else "its options"
        advice = "Choose another --codec or --quality" + (", or even sides" if size[0] % 2 or size[1] % 2 else "")
        raise SharpcamError(
            f"The encoder {encoding.codec} does not take {size[0]}x{size[1]} with {told} ({error.strerror}). {advice}."
        ) from None


def mux(segments: Segments, facts: Facts, encoding: Encoding, file: Path, *, container: str, matrix: Matrix) -> None:
    """Write the video's packets, and those of the source's other streams as they are, in the order of their times."""
    with opened(facts.path) as (source, stream), written(file, container=container) as target:
        video = _video_of(facts, encoding, target, like=stream, size=segments.size)
        if matrix != AS_STORED:
            video.set_display_matrix(matrix)
        others, sounds = _others_of(source, target)
        target.start_encoding()
        copied = _copied_packets(recoded(continuing(source, stream), sounds), others)
        for _, packet in heapq.merge(_video_packets(segments, video, facts), copied, key=lambda timed: timed[0]):
            target.mux(packet)


def lost_beside(facts: Facts, container: str) -> list[str]:
    """What a video holds beside its pictures that is not copied into a container, each in a few words."""
    with opened(facts.path) as (source, video):
        lost = [*(["its transparency"] if facts.alpha else []), *facts.with_frames]
        for stream in source.streams:
            if is_cover(stream):
                lost += [] if container in HOLD_COVERS else ["a cover"]
            elif stream.type not in COPIED and stream is not video and not _is_kept_timecode(stream, video):
                lost.append(f"another track (number {stream.index}, {stream.type})")
        return lost


def _is_kept_timecode(stream: Any, video: Any) -> bool:
    """Whether a track is a timecode, which the pictures' own track tells too and with it the file that is written."""
    return bool(stream.type == "data" and stream.metadata.get("timecode") == video.metadata.get("timecode", ""))


def _video_of(facts: Facts, encoding: Encoding, target: Any, *, like: Any, size: tuple[int, int]) -> Any:
    """The stream of the pictures in a container that is written; the encoder gives it its header, and no packet.

    What the stream `like` tells of itself, it tells too: its language, title and timecode.
    """
    video = target.add_stream(encoding.table.encoder)
    video.metadata.update({name: like.metadata[name] for name in TOLD_OF_PICTURES if name in like.metadata})
    encoding.tune(video.codec_context, facts.colours, size=size, rate=facts.rate, base=facts.time_base)
    video.time_base = facts.time_base
    if tag := TAGS.get((encoding.codec or "", target.format.name)):
        video.codec_context.codec_tag = tag
    if facts.aspect:
        video.codec_context.sample_aspect_ratio = facts.aspect
    open_encoder(video.codec_context)
    return video


def _others_of(source: Any, target: Any) -> tuple[dict[int, Any], dict[int, Any]]:
    """Copies of the source's other streams in a container that is written, by their index there; and what it tells.

    And those of them that hold sound to be encoded again.
    """
    target.metadata.update(source.metadata)
    target.set_chapters(source.chapters())
    copies, sounds = {}, {}
    for stream in copied_streams(source):
        if is_cover(stream) and target.format.name not in COVER_IS_A_STREAM:
            if target.format.name in HOLD_COVERS and (data := _cover_in(source.name, stream.index)):
                codec = stream.codec_context  # none where FFmpeg does not know it
                target.add_attachment(*COVERS.get(codec.name if codec else "", COVERS["mjpeg"]), data)
            continue
        try:
            copy = target.add_stream_from_template(stream)
        except ValueError:
            if stream.type != "audio" or target.format.name not in TAKEN_BY:
                raise
            sounds[stream.index] = copy = add_sound(target, stream)
        copies[stream.index] = copy
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
    return copies, sounds


def _cover_in(name: str, index: int) -> bytes:
    """The picture in a stream that is a cover."""
    with open_container(Path(name)) as container:
        return next((bytes(packet) for packet in container.demux(container.streams[index]) if packet.size), b"")


def _video_packets(segments: Segments, stream: Any, facts: Facts) -> Iterator[tuple[float, Any]]:
    times = decoding_times([pts for pts, _ in segments.times()])
    for coded, dts in zip(segments.packets(), times, strict=True):
        packet = av.Packet(coded.data)
        packet.stream, packet.time_base = stream, facts.time_base
        packet.pts, packet.dts, packet.duration = coded.pts, dts, coded.duration
        packet.is_keyframe = coded.is_key
        yield float(dts * facts.time_base), packet


def _copied_packets(packets: Iterator[tuple[int, Any]], streams: dict[int, Any]) -> Iterator[tuple[float, Any]]:
    """The packets of `streams`, which come with their index in the source, with times that no container refuses.

    Where two are the same, the second comes one tick later, in ticks of the container that is written.
    """
    last: dict[int, int] = {}
    for index, packet in packets:
        if (stream := streams.get(index)) is None:
            continue
        if not packet.size:  # the one at the end
            continue
        packet.dts = packet.pts if packet.dts is None else packet.dts
        if packet.dts is None:  # a cover
            packet.dts = 0
        _rescale(packet, stream.time_base)
        least = last.get(stream.index, packet.dts - 1) + (stream.type != "subtitle")  # two may be shown at once
        last[stream.index] = packet.dts = max(packet.dts, least)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        packet.stream = stream
        yield float(packet.dts * stream.time_base), packet


def _rescale(packet: Any, base: Fraction) -> None:
    """Give the times of a packet in units of `base`, seconds."""
    factor = packet.time_base / base
    packet.pts = None if packet.pts is None else round(packet.pts * factor)
    packet.dts, packet.duration = round(packet.dts * factor), round((packet.duration or 0) * factor)
    packet.time_base = base


class Nowhere(RawIOBase):
    """A file of which nothing is kept but how long it would be."""

    def __init__(self) -> None:
        self._at = self._size = 0

    def write(self, data: Any) -> int:
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
