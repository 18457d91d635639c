"""Sound in a codec that the container does not take, as that of WMV and 3GP: decoded, and written without a loss."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import av

from pipeline.media.video import opened

CODEC, SAMPLES = "flac", "s16"
TAKEN_BY = ("matroska",)  # containers that get it so: whatever is not written as it was read becomes one


def add_sound(target: Any, stream: Any) -> Any:
    """A stream of a container that is written, for the sound of another in CODEC."""
    sound = target.add_stream(CODEC, rate=stream.codec_context.sample_rate)
    sound.codec_context.layout, sound.codec_context.format = stream.codec_context.layout.name, SAMPLES
    return sound


def recoded(packets: Iterable[Any], sounds: Mapping[int, Any]) -> Iterator[tuple[int, Any]]:
    """The packets, each with the index of its stream; those of `sounds`, by that index, decoded and encoded again.

    What cannot be decoded is left out.
    """
    for packet in packets:
        index = packet.stream.index
        if index not in sounds:
            yield index, packet
            continue
        frames: list[Any] = []
        with suppress(av.error.FFmpegError):
            frames = packet.decode()
        for frame in (*frames, *([] if packet.size else [None])):
            yield from ((index, made) for made in sounds[index].encode(frame))


def recoded_of(source: Path, made: Path) -> str:
    """Which sound of a video is in another codec in what was made of it, in a few words; empty where none is."""
    codecs = []
    for path in (source, made):
        with opened(path) as (container, _):
            codecs.append([stream.codec_context.name for stream in container.streams.audio])
    changed = sorted({before for before, after in zip(*codecs, strict=False) if before != after})
    return f"its sound is decoded and kept as {CODEC.upper()} ({', '.join(changed)} before)" if changed else ""
