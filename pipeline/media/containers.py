"""The one door through which a video is opened: containers that hold their own pictures, from a file on this machine.

FFmpeg would take a playlist (HLS, DASH, concat) for a video and read what it names: other files here, or the network.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from pipeline.core.errors import SharpcamError

DEMUXERS = ("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "mxf", "gif", "yuv4mpegpipe")
TAKEN = "MP4, MOV, MKV, WebM, AVI, MPEG, FLV, OGG, ASF, MXF, GIF or Y4M"
RESTRICTED = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"}


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """The container in the file `path`. Raises SharpcamError for what is in none of TAKEN, FFmpegError for the rest."""
    try:
        container = av.open(
            str(path.absolute()), options=RESTRICTED, metadata_errors="replace"
        )  # absolute: no name reads like a protocol
    except av.error.FFmpegError as error:
        if error.errno != errno.EINVAL:
            raise
        raise SharpcamError(
            f"{path} is no video in a container that is taken ({TAKEN}). A playlist names other files and is never "
            "opened: give the video itself, or convert it."
        ) from None
    with container:
        yield container
