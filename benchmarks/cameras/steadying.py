"""What steadies a stream before a student sees it, against the truth: calm, and the filters that FFmpeg has for it.

Of each stream the last frames are compared. PSNR is of OpenCV's luma without a border; flicker is the mean change of
luma from picture to picture where nothing moves; ghost is the PSNR where background has just been uncovered.
"""

import math
import shutil
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.cameras import measures
from benchmarks.cameras.scoring import mean
from benchmarks.cameras.streams import STREAMS, Stream
from benchmarks.cameras.tables import markdown
from pipeline.core.geometry import Frame
from pipeline.enhance.upscaler import Upscaler
from pipeline.families.families import SEED, Family
from pipeline.student.calm import Calm

FRAMES = 24
COMPARED = 8  # the last ones
LOOKED_AT = 4  # every so many frames of a stream are read for the dials
PLAIN, FILTERS = "calm 0", ("hqdn3d", "atadenoise")

Steady = Callable[[Sequence[Frame], float], list[Frame]]  # of frames and of the dial for noise


@dataclass(frozen=True)
class StreamScore:
    """Of the pictures made of a stream; NaN where the stream has no such pixels."""

    psnr_db: float
    flicker: float
    ghost_db: float


StreamScores = dict[tuple[str, str], dict[str, StreamScore]]  # by family and stream, and by what steadied it


def as_they_are(frames: Sequence[Frame], noise: float) -> list[Frame]:
    """Every frame by itself."""
    del noise
    return list(frames)


def calmed(frames: Sequence[Frame], noise: float) -> list[Frame]:
    """All of calm."""
    stream = Calm(noise=noise)
    return [stream.fuse(frame).copy() for frame in frames]


def filtered(name: str) -> Steady:
    """One of FFmpeg's filters at its own settings, in 4:4:4, so that no colour is lost on the way."""

    def steady(frames: Sequence[Frame], noise: float) -> list[Frame]:
        del noise
        height, width = frames[0].shape[:2]
        raw, chain = ["-f", "rawvideo", "-pix_fmt", "rgb24"], f"format=yuv444p,{name},format=rgb24"
        made = subprocess.run(
            ["ffmpeg", "-loglevel", "error", *raw, "-s", f"{width}x{height}", "-i", "-", "-vf", chain, *raw, "-"],
            input=b"".join(frame.tobytes() for frame in frames),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        return list(np.frombuffer(made, np.uint8).reshape(-1, height, width, 3))

    return steady


def steadying() -> dict[str, Steady]:
    """By name, those that this machine has: PyAV comes without FFmpeg's filters of this kind."""
    ours = {PLAIN: as_they_are, "calm 1": calmed}
    return ours | ({name: filtered(name) for name in FILTERS} if shutil.which("ffmpeg") else {})


def score_streams(
    families: dict[str, Family], photos: Sequence[Frame], student: Upscaler, done: Callable[[], object]
) -> StreamScores:
    """By family and stream, and by what steadied it. `done` is called after each of these."""
    scores: StreamScores = {}
    known = steadying()
    for name, family in families.items():
        for kind, make in STREAMS.items():
            found: dict[str, list[StreamScore]] = {each: [] for each in known}
            for photo, other in zip(photos[0::2], photos[1::2], strict=False):
                stream = make(photo, other, FRAMES)
                random = np.random.default_rng([SEED, zlib.crc32(f"{name}/{kind}".encode())])
                frames = family.film(stream.truths, random)
                stream = replace(stream, truths=[family.truth(truth) for truth in stream.truths])
                seen = student.seen(frames[::LOOKED_AT])
                for each, steady in known.items():
                    steadied = steady(frames, seen.dials.noise if seen.dials else Calm.noise)
                    found[each].append(score(stream, [seen.enhance(frame) for frame in steadied[-COMPARED:]]))
            scores[name, kind] = {each: averaged(several) for each, several in found.items()}
            done()
    return scores


def score(stream: Stream, pictures: Sequence[Frame]) -> StreamScore:
    """The pictures of a stream's last frames."""
    still, ghosts, psnr = stream.still(len(pictures)), [], []
    for at, picture in enumerate(pictures, start=len(stream.truths) - len(pictures)):
        made, truth = measures.luma(picture), measures.luma(stream.truths[at])
        psnr.append(measures.psnr(measures.inner(made), measures.inner(truth)))
        uncovered = stream.uncovered(at)
        if uncovered is not None and uncovered.any():
            ghosts.append(float(np.mean((made - truth)[uncovered] ** 2)))
    return StreamScore(
        mean(psnr),
        measures.flicker(list(pictures), still) if stream.camera_rests else math.nan,
        10 * math.log10(255**2 / max(mean(ghosts), 1e-9)) if ghosts else math.nan,
    )


def averaged(scores: Sequence[StreamScore]) -> StreamScore:
    """Means over several streams."""
    columns = zip(*((one.psnr_db, one.flicker, one.ghost_db) for one in scores), strict=True)
    return StreamScore(*(float(np.mean(column)) for column in columns))


def steadying_table(scores: StreamScores) -> str:
    """Markdown: PSNR in dB above calm 0, flicker in grey levels, and the ghost in dB above calm 0."""
    names = list(next(iter(scores.values())))
    others = [name for name in names if name != PLAIN]
    rows = []
    for (family, kind), found in scores.items():
        base = found[PLAIN]
        gains = [f"{found[name].psnr_db - base.psnr_db:+.2f}" for name in others]
        ghosts = [shown(found[name].ghost_db - base.ghost_db, sign="+") for name in others]
        flickers = [shown(found[name].flicker) for name in names]
        rows.append([family, kind, f"{base.psnr_db:.2f}", *gains, *flickers, *ghosts])
    head = ["family", "stream", f"{PLAIN}, dB", *(f"{name}, dB" for name in others)]
    return markdown([*head, *(f"flicker {name}" for name in names), *(f"ghost {name}, dB" for name in others)], rows)


def shown(value: float, *, sign: str = "") -> str:
    """Two decimals; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:{sign}.2f}"
