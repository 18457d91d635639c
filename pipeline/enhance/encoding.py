"""Codecs, presets and qualities of the videos that are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av

from pipeline.core.command import DISK_ERRORS
from pipeline.core.errors import SharpcamError
from pipeline.media.colours import Colours, bits_of
from pipeline.media.light import Light

PRESETS = ("fast", "good", "small")
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
USUAL, USUAL_IN = "h264", {".webm": "vp9"}  # codecs, where none is asked for
USUAL_DEEP, USUAL_DEEP_IN = "h265", {".webm": "av1"}  # the same for more than 8 bits: few play those as H.264


class ToldOfLight(NamedTuple):
    """How an encoder is told of a film's light: names of its own parameters, and the units that these count in."""

    option: str  # of FFmpeg, which passes the others on
    screen: str
    content: str
    point: Fraction
    luminance: Fraction  # cd/m²

    def parameters(self, light: Light) -> list[str]:
        """What is said to it."""
        told = []
        if light.screen:
            red, green, blue, white = (
                f"({_counted(x, self.point)},{_counted(y, self.point)})" for x, y in light.screen.points
            )
            ends = light.screen.brightest, light.screen.darkest
            most, least = (_counted(end, self.luminance) for end in ends)
            told.append(f"{self.screen}=G{green}B{blue}R{red}WP{white}L({most},{least})")
        if light.content:
            told.append(f"{self.content}={light.content[0]},{light.content[1]}")
        return told


def _counted(value: Fraction, unit: Fraction) -> str:
    """A whole number of units; in units of 1 a decimal number."""
    return f"{float(value):.6f}" if unit == 1 else str(round(value / unit))


class Codec(NamedTuple):
    """How a codec is asked for a speed and a quality."""

    encoder: str
    pixels: str
    deep: str  # pixels of more than 8 bits; empty where it has none
    light: ToldOfLight | None
    quality: int  # constant rate factor; 0 is best, more is smaller
    most: int  # of that factor
    speeds: dict[str, dict[str, str]]  # by preset
    always: dict[str, str]


WHOLE = Fraction(1, 50_000), Fraction(1, 10_000)  # units of H.264 and H.265, those of SMPTE ST 2086
CODECS = {
    "h264": Codec(
        "libx264",
        "yuv420p",
        "yuv420p10le",
        ToldOfLight("x264-params", "mastering-display", "cll", *WHOLE),
        18,
        51,
        {"fast": {"preset": "ultrafast"}, "good": {"preset": "medium"}, "small": {"preset": "slow"}},
        {"x264-params": "cpu-independent=1"},  # or it reads memory it never wrote: a run that goes on wrote other bytes
    ),
    "h265": Codec(
        "libx265",
        "yuv420p",
        "yuv420p10le",
        ToldOfLight("x265-params", "master-display", "max-cll", *WHOLE),
        20,
        51,
        {"fast": {"preset": "ultrafast"}, "good": {"preset": "medium"}, "small": {"preset": "slow"}},
        {"x265-params": "log-level=error"},
    ),
    "av1": Codec(
        "libsvtav1",
        "yuv420p",
        "yuv420p10le",
        ToldOfLight("svtav1-params", "mastering-display", "content-light", Fraction(1), Fraction(1)),
        28,
        63,
        {"fast": {"preset": "12"}, "good": {"preset": "8"}, "small": {"preset": "5"}},
        {},
    ),
    "vp9": Codec(
        "libvpx-vp9",
        "yuv420p",
        "",
        None,
        28,
        63,
        {"fast": {"cpu-used": "8"}, "good": {"cpu-used": "4"}, "small": {"cpu-used": "2"}},
        {"b": "0", "row-mt": "1"},
    ),
    "ffv1": Codec(
        "ffv1", "bgr0", "gbrp16le", None, 0, 100, {preset: {} for preset in PRESETS}, {"level": "3", "g": "1"}
    ),
}


@dataclass(frozen=True)
class Encoding:
    """What is asked of the encoder."""

    codec: str | None = None  # None: what is usual in the file's container
    preset: str = "good"
    quality: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if self.codec not in (None, *CODECS):
            raise SharpcamError(f'There is no codec "{self.codec}"; there are: {", ".join(CODECS)}.')
        if self.preset not in PRESETS:
            raise SharpcamError(f'There is no preset "{self.preset}"; there are: {", ".join(PRESETS)}.')

    def suited(self, file: Path, *, bits: int = 8) -> "Encoding":
        """This for a file of that name and pictures of so many bits: with its codec.

        Raises SharpcamError for a quality that this does not know.
        """
        usual, usual_in = (USUAL, USUAL_IN) if bits == 8 else (USUAL_DEEP, USUAL_DEEP_IN)
        suited = replace(self, codec=self.codec or usual_in.get(file.suffix.lower(), usual))
        if self.quality is not None and self.quality > suited.table.most:  # x264 would take it for the worst
            raise SharpcamError(
                f"The quality of {suited.codec} goes from 0, which is best, to {suited.table.most}, and {self.quality} "
                "was asked for. Choose another --quality; that of JPEG and WebP counts the other way."
            )
        return suited

    @property
    def table(self) -> Codec:
        return CODECS[self.codec or USUAL]

    @property
    def options(self) -> dict[str, str]:
        """What the encoder is told."""
        factor = self.table.quality if self.quality is None else self.quality
        quality = {} if self.codec == "ffv1" else {"crf": str(factor)}
        return quality | self.table.speeds[self.preset] | self.table.always

    @property
    def bits(self) -> int:
        """Most bits of a colour that the codec holds."""
        return bits_of(av.VideoFormat(self.table.deep or self.table.pixels))

    def pixels(self, bits: int) -> str:
        """The pixel format for pictures of so many bits."""
        return self.table.deep if bits > 8 else self.table.pixels

    def _options_for(self, light: Light | None) -> dict[str, str]:
        """What the encoder is told, of a film's light too."""
        if light is None or self.table.light is None:
            return self.options
        name = self.table.light.option
        told = [self.options[name]] if name in self.options else []
        return self.options | {name: ":".join(told + self.table.light.parameters(light))}

    def tune(self, context: Any, colours: Colours, *, size: tuple[int, int], rate: Fraction, base: Fraction) -> None:
        """Prepare an encoder's context for pictures of `size` (width, height), at times in units of `base`."""
        context.width, context.height = size
        context.pix_fmt = self.pixels(colours.bits)
        context.framerate, context.time_base = rate, base
        context.options = self._options_for(colours.light)
        context.thread_count = self.threads
        context.flags |= av.codec.context.Flags.global_header.value
        if context.pix_fmt.startswith("yuv"):
            context.colorspace, context.color_range = colours.matrix, colours.range
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer


def open_encoder(context: Any) -> None:
    """Open an encoder's context, and let it have no more of the machine than the rest of the process.

    SVT-AV1, started by root, raises its threads and the one that opens it to real time, which starves all else; what
    that thread starts later inherits it.
    """
    context.open()
    for thread in Path("/proc/self/task").glob("*"):  # Linux; elsewhere there is none
        with suppress(ProcessLookupError):  # it has ended
            if os.sched_getscheduler(int(thread.name)) == os.SCHED_FIFO:
                os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))


def container_of(file: Path) -> str:
    """FFmpeg's name of the container that a file's name asks for. Raises SharpcamError for one that is not written."""
    if file.suffix.lower() not in CONTAINERS:
        raise SharpcamError(f'"{file.name}" names no video that is written. End it in {", ".join(CONTAINERS)}.')
    return CONTAINERS[file.suffix.lower()]


class CannotHoldError(SharpcamError):
    """A container cannot hold a stream; why, in FFmpeg's words."""


@contextmanager
def written(file: Path, *, container: str) -> Iterator[Any]:
    """A file to write to. What FFmpeg cannot do is said in a sentence, but for what the disk says: OSError."""
    try:
        with written_to(str(file.absolute()), container=container) as opened:  # absolute: no name reads like a protocol
            yield opened
    except CannotHoldError as error:
        number = getattr(error.__cause__, "errno", None)
        if number in DISK_ERRORS:
            raise OSError(number, str(error), str(file)) from None
        raise SharpcamError(f"A {container} file cannot hold this video ({error}). Choose another OUTPUT.") from None


@contextmanager
def written_to(place: Any, *, container: str) -> Iterator[Any]:
    """A container to write to at `place`, a path or a file that is open. Raises CannotHoldError."""
    try:
        with av.open(place, "w", format=container, container_options={"fflags": "+bitexact"}) as opened:
            yield opened
    except (ValueError, av.error.FFmpegError) as error:
        raise CannotHoldError(" ".join(str(error).split())) from error
