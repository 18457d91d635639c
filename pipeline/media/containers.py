"""The one door through which a video is opened: containers that hold their own pictures, from a file on this machine.

FFmpeg would take a playlist (HLS, DASH, concat) for a video and read what it names: other files here, or the network.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from pipeline.core.clip_rules import VIDEO_DEMUXERS, VIDEOS
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import MEGAPIXELS

DECODED = {"max_pixels": str(int(MEGAPIXELS * 1e6))}  # decoders hold to it, also where a frame is larger than claimed
RESTRICTED = {"format_whitelist": ",".join(VIDEO_DEMUXERS), "protocol_whitelist": "file"} | DECODED


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """The container in the file `path`. Raises SharpcamError for what is none of VIDEOS, FFmpegError for the rest."""
    try:
        container = av.open(
            str(path.absolute()), options=RESTRICTED, metadata_errors="replace"
        )  # absolute: no name reads like a protocol
    except av.error.FFmpegError as error:
        if error.errno != errno.EINVAL:
            raise
        raise SharpcamError(
            f"{path} is not a video in a container that is taken ({VIDEOS}). A playlist names other files and is never "
            "opened: give the video itself, or convert it."
        ) from None
    with container:
        for stream in decodable(container):
            stream.codec_context.options = DECODED
        yield container


def decodable(container: Any) -> list[Any]:
    """The video streams for which there is a decoder."""
    return [stream for stream in container.streams.video if stream.codec_context is not None]


def check_pixels(stream: Any, path: Path) -> None:
    """Raise SharpcamError, before anything is decoded, where a video claims more pixels than are ever decoded."""
    pixels = stream.codec_context.width * stream.codec_context.height
    if pixels > MEGAPIXELS * 1e6:
        raise SharpcamError(
            f"{path} has {pixels / 1e6:.0f} megapixels a frame, and {MEGAPIXELS:g} are allowed. Scale it down."
        )
