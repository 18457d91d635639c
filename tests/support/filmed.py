"""Films of a few frames and a tone, and an enhancer that dies in the middle of one."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from making import photo

from pipeline.enhance.upscaler import Upscaler

RATE, TICKS, SOUND_HZ = 25, 1000, 48_000
FRAMES = 12


def film(
    path: Path,
    *,
    sound: str = "",
    subtitle: bool = False,
    pts: list[int] | None = None,
    size: tuple[int, int] = (64, 48),
    rotation: int = 0,
    colours: tuple[int, int] | None = None,
    codec: str = "libx264",
) -> Path:
    """A video of FRAMES frames, `pts` in ms, with a tone that begins with it."""
    pts = pts or [1000 * index // RATE for index in range(FRAMES)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE)
        video.width, video.height = size
        video.pix_fmt = "yuv444p" if codec == "ffv1" else "yuv420p"
        video.codec_context.time_base = Fraction(1, TICKS)
        if colours:
            context = video.codec_context
            context.colorspace, context.color_range = colours
            context.color_primaries = context.color_trc = colours[0]
        if rotation:
            video.set_display_rotation(rotation)
        tone = container.add_stream(sound, rate=SOUND_HZ) if sound else None
        for index, at in enumerate(pts):
            rgb = av.VideoFrame.from_ndarray(photo(size[1], size[0], seed=index // 4), format="rgb24")
            frame = rgb.reformat(format=video.pix_fmt, dst_colorspace=(colours and colours[0]) or 5)
            frame.pts, frame.time_base = at, Fraction(1, TICKS)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if tone:
            play(container, tone, seconds=pts[-1] / TICKS)
    return path


def play(container, stream, *, seconds: float) -> None:
    wave = (8000 * np.sin(np.arange(int(SOUND_HZ * seconds)) / 20)).astype(np.int16)
    resampler = av.AudioResampler("s16" if stream.codec.name == "libopus" else "fltp", "stereo", SOUND_HZ)
    for begin in range(0, len(wave), 960):
        part = np.repeat(wave[begin : begin + 960], 2)[None]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = SOUND_HZ, begin
        for each in resampler.resample(frame):
            container.mux(stream.encode(each))
    container.mux(stream.encode())


class Dying:
    """An enhancer in whose hands the process ends after some frames, as far as this one is concerned."""

    def __init__(self, upscaler: Upscaler, frames: int) -> None:
        self.upscaler, self.left = upscaler, frames
        self.measured = []

    def __getattr__(self, name):
        return getattr(self.upscaler, name)

    def enhance(self, picture, advance=None):
        self.left -= 1
        if self.left < 0:
            raise MemoryError
        return self.upscaler.enhance(picture)
