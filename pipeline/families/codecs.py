"""What cameras and calls compress their frames with. Frames are (H, W, 3) uint8 RGB of even sides, in and out."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal, Protocol

import av
import cv2
import numpy as np

from pipeline.core.geometry import Frame

RATE = 30  # frames per second that codecs of video are told
SAMPLINGS = {
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
}


class Codec(Protocol):
    """One generation of compression."""

    def apply(self, frames: Sequence[Frame]) -> list[Frame]:
        """What is decoded of `frames`, the frames of one shot in their order."""


@dataclass(frozen=True)
class Jpeg:
    """JPEG of every frame by itself; in 4:2:2 it is what webcams send as MJPEG."""

    quality: int
    sampling: Literal["420", "422"] = "420"

    def apply(self, frames: Sequence[Frame]) -> list[Frame]:
        """Each frame, compressed and decoded."""
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> Frame:
        how = [cv2.IMWRITE_JPEG_QUALITY, self.quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[self.sampling]]
        _, data = cv2.imencode(".jpg", frame[..., ::-1], how)
        return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


@dataclass(frozen=True)
class Video:
    """A codec of video in 4:2:0, at a constant rate factor, on one thread: its bytes depend on the threads."""

    crf: int
    codec: ClassVar[str]
    container: ClassVar[str]
    options: ClassVar[dict[str, str]]

    def apply(self, frames: Sequence[Frame]) -> list[Frame]:
        """All frames as one film, compressed and decoded."""
        return decoded(self._encoded(frames))

    def _encoded(self, frames: Sequence[Frame]) -> bytes:
        film = io.BytesIO()
        with av.open(film, "w", format=self.container) as writer:
            stream = writer.add_stream(self.codec, rate=RATE, options={"crf": str(self.crf), **self.options})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.time_base = Fraction(1, RATE)
            for at, frame in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                picture.pts = at
                writer.mux(stream.encode(picture))
            writer.mux(stream.encode(None))
        return film.getvalue()


@dataclass(frozen=True)
class H264(Video):
    """H.264 by libx264, as webcams, phones and screen recorders write it.

    Where libx264 is free to use the widest instructions, it reads memory it never wrote: frames differ between runs.
    """

    codec = "libx264"
    container = "matroska"
    options: ClassVar[dict[str, str]] = {"threads": "1", "x264-params": "cpu-independent=1"}


@dataclass(frozen=True)
class Vp9(Video):
    """VP9 by libvpx in the settings of a video call: no look ahead, and quick rather than good."""

    codec = "libvpx-vp9"
    container = "webm"
    options: ClassVar[dict[str, str]] = {
        "b": "0",
        "deadline": "realtime",
        "cpu-used": "6",
        "lag-in-frames": "0",
        "threads": "1",
        "row-mt": "0",
    }


def decoded(film: bytes) -> list[Frame]:
    """The frames of a film, as any program gets them from FFmpeg."""
    with av.open(io.BytesIO(film)) as reader:
        reader.streams.video[0].thread_type = "NONE"
        return [frame.to_ndarray(format="rgb24") for frame in reader.decode(video=0)]
