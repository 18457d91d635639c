"""The codecs of cameras, for real: JPEG by libjpeg (Pillow), H.264 by libx264 (PyAV), with one thread.

Frames are (T, H, W, 3) uint8 arrays. What libx264 writes depends on its number of threads, so it gets one.
"""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frames = NDArray[np.uint8]
JPEG_SAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
# How much each setting harms: root mean square error in luma on photographs, in grey levels, as measured here once.
JPEG_ERROR = ((30, 6.8), (50, 5.6), (60, 5.1), (70, 4.5), (80, 3.7), (85, 3.1), (90, 2.4), (95, 1.5), (98, 0.8))
H264_ERROR = ((18, 2.0), (20, 2.25), (23, 2.7), (26, 3.4), (28, 4.0), (30, 4.7), (33, 5.9), (35, 7.0))
NO_LOOKAHEAD = "bframes=0:mbtree=0:rc-lookahead=0:sync-lookahead=0:scenecut=0:weightp=0"
MOST_ERROR = 9.0  # grey levels that count as compression 1


@dataclass(frozen=True)
class Codec:
    """One way to store frames: `kind` is "none", "jpeg" or "h264"."""

    kind: str
    quality: float = 0.0  # JPEG: 1..100; H.264: the rate factor crf
    sampling: str = "4:2:0"

    @property
    def compression(self) -> float:
        """The dial: 0 for none, 1 for the worst."""
        if self.kind == "none":
            return 0.0
        table = JPEG_ERROR if self.kind == "jpeg" else H264_ERROR
        settings, errors = zip(*table, strict=True)
        return min(1.0, float(np.interp(self.quality, settings, errors)) / MOST_ERROR)

    def apply(self, frames: Frames) -> Frames:
        """What comes back of `frames`, the same shape."""
        if self.kind == "none":
            return frames
        if self.kind == "jpeg":
            return np.stack([_jpeg(frame, round(self.quality), self.sampling) for frame in frames])
        return _h264(frames, self.quality)


def _jpeg(frame: Frames, quality: int, sampling: str) -> Frames:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality, subsampling=JPEG_SAMPLING[sampling])
    return np.asarray(Image.open(file))


def _h264(frames: Frames, crf: float) -> Frames:
    """Through an encoder and a decoder of their own; sides must be even."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 30), Fraction(30)
    encoder.thread_count = 1
    # Cameras do not look ahead. Where libx264 does, it reads memory it never wrote: small frames differ between runs.
    encoder.options = {"crf": f"{crf:.1f}", "preset": "veryfast", "threads": "1", "x264-params": NO_LOOKAHEAD}
    packets: list[Any] = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata, decoder.thread_count = encoder.extradata, 1
    decoded = [picture for packet in packets for picture in decoder.decode(packet)] + list(decoder.decode(None))
    return np.stack([picture.to_ndarray(format="rgb24") for picture in decoded])
