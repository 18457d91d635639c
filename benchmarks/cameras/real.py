"""Real clips, of which nobody knows the truth: halos, brightness and flicker, all against bicubic."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.cameras import measures
from benchmarks.cameras.measures import Mask
from benchmarks.cameras.methods import BICUBIC, SCALE, Enlarging, Method, doubled
from benchmarks.cameras.scoring import mean
from benchmarks.cameras.tables import markdown
from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.core.progress import progress_bar
from pipeline.media.video import opened

EVERY = 30  # frames
MOST = 5  # moments of a clip
AROUND = 5  # frames that a temporal median is taken of
SMOOTH_PX = 7  # noise is averaged away before a pixel is called still
STILL_LEVELS = 2.0  # that such a mean may lie from the median's
FEW = 0.01  # share of still pixels, below which flicker cannot be measured


@dataclass(frozen=True)
class Moment:
    """Some frames of a clip in a row; the last two are enlarged."""

    frames: list[Frame]

    @property
    def still(self) -> Mask:
        """Where nothing moved, as far as the median through time tells: (2h, 2w), True where still."""
        smooth = [cv2.blur(measures.luma(frame), (SMOOTH_PX, SMOOTH_PX)) for frame in self.frames]
        middle = np.median(smooth, axis=0)
        still = np.all([np.abs(plane - middle) <= STILL_LEVELS for plane in smooth], axis=0)
        return np.repeat(np.repeat(still, SCALE, axis=0), SCALE, axis=1)


@dataclass(frozen=True)
class RealScore:
    """What one method made of one clip: means over its moments."""

    halo: float
    brightness: float
    flicker: float
    dials: tuple[float, ...]


def moments(clip: Path) -> Iterator[Moment]:
    """One moment every 30 frames; the very first frames of a camera are often dark. Raises SharpcamError."""
    recent: deque[Frame] = deque(maxlen=AROUND)
    for index, frame in enumerate(frames_of(clip), start=1):
        recent.append(frame)
        if index % EVERY == 0 and len(recent) == AROUND:
            yield Moment(list(recent))


def frames_of(clip: Path) -> Iterator[Frame]:
    """The frames of a video in RGB, sides cut to even ones. Raises SharpcamError for what is not a video."""
    with opened(clip) as (container, stream):
        for frame in container.decode(stream):
            picture = frame.to_ndarray(format="rgb24")
            yield np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])


def spread_moments(clip: Path) -> list[Moment]:
    """At most MOST of its moments, from the first to the last. Raises SharpcamError where the clip is too short."""
    seen = list(moments(clip))
    if not seen:
        raise SharpcamError(f"{clip} has fewer than {EVERY} frames. Give a longer clip.")
    return [seen[int(at)] for at in np.linspace(0, len(seen) - 1, min(MOST, len(seen))).round()]


def look_at(clip: Path, methods: Sequence[Method]) -> dict[str, RealScore]:
    """The scores of each method on `clip`, by name. Raises SharpcamError where it is too short."""
    seen = spread_moments(clip)
    with progress_bar(what=clip.name, total=len(methods) * len(seen), unit="moment") as bar:
        return {method.name: score_clip(seen, method, bar.update) for method in methods}


def score_clip(seen: Sequence[Moment], method: Method, done: Callable[[], object]) -> RealScore:
    """One method on all moments of a clip, which it may look at first; `done` is called after each."""
    begun = method.begin([frame for moment in seen for frame in moment.frames])
    found = []
    for moment in seen:
        found.append(score_moment(moment, begun))
        done()
    halo, brightness, flicker = (
        mean([one for one in column if one is not None]) for column in zip(*found, strict=True)
    )
    return RealScore(halo, brightness, flicker, begun.dials)


def score_moment(moment: Moment, begun: Enlarging) -> tuple[float | None, float, float | None]:
    """Halo, absolute difference of brightness, and flicker; None where a picture has nothing to measure it on."""
    before, after = (begun.enhance(frame) for frame in moment.frames[-2:])
    plain, still = doubled(moment.frames[-1], kernel=BICUBIC), moment.still
    calm = measures.flicker([before, after], still) if still.mean() > FEW else None
    return measures.halo(after, plain), abs(measures.brightness(after, plain)), calm


COLUMNS: dict[str, Callable[[RealScore], float]] = {
    "halo": lambda score: score.halo,
    "brightness": lambda score: score.brightness,
    "flicker": lambda score: score.flicker,
}


def real_table(clips: dict[str, dict[str, RealScore]]) -> str:
    """A row for each measure of each clip, a column for each method."""
    methods = list(next(iter(clips.values())))
    rows = [
        [f"{clip}, {measure}", *(f"{read(scores[name]):.2f}" for name in methods)]
        for clip, scores in clips.items()
        for measure, read in COLUMNS.items()
    ]
    return markdown(["real clips, grey levels", *methods], rows)
