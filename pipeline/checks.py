"""Checks of the pairs of raw frame and teacher picture, measured once for each state of a clip, into .cache/checks.

python -m pipeline.checks
"""

import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.clips import find_clips, find_frames
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame, fit
from pipeline.core.hashing import sha256_of_text
from pipeline.core.params import GeometryParams, load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import progress_bar

SMALL = (64, 48)  # (width, height) at which frames are compared with the one before
DARK, BRIGHT = 4, 251  # grey levels at which nothing is to be seen any more
LARGEST_SHARE = 0.3  # of a frame that may be dark or bright
LARGEST_SHIFT_PX = 0.5  # at target size
SHIFT_STEPS = 20  # parts of a pixel in which a shift is looked for
LEAST_SHARPNESS = 0.4  # of the clip's median
LEAST_STEP = 0.5  # mean grey levels between consecutive frames
MEASURED_BY = 1  # raised when a measure changes its meaning


@dataclass(frozen=True)
class Measures:
    """What was measured of one frame."""

    stem: str
    problem: str  # why it could not be read; the rest is 0 then
    size: tuple[int, int]  # (width, height) of the raw frame
    partner: tuple[int, int] | None  # of the teacher picture; None where there is none
    shift_px: float  # of the teacher picture against the raw frame, at target size
    sharpness: float  # variance of the Laplacian of the grey raw frame
    dark: float  # share of its pixels
    bright: float
    step: float | None  # mean grey levels between this frame and the one before


@dataclass(frozen=True)
class Finding:
    """Something to look at."""

    check: str
    frames: tuple[str, ...]  # stems
    sentence: str


def check_file(clip: str, paths: Paths) -> Path:
    """Where the measures of a clip are kept."""
    return paths.cache / "checks" / f"{clip}.json"


def state(clip: Path, paths: Paths, geometry: GeometryParams) -> str:
    """A hash of all that the measures of a clip depend on, without reading a picture."""
    parts = [f"{MEASURED_BY} {geometry.model_dump_json()}"]
    for folder in (clip, paths.teacher / clip.name):
        statuses = [(frame.name, frame.stat()) for frame in find_frames(folder)]
        parts += [f"{name} {status.st_size} {status.st_mtime_ns} " for name, status in statuses] + ["|"]
    return sha256_of_text("".join(parts))


def known_measures(clip: Path, paths: Paths, geometry: GeometryParams) -> list[Measures] | None:
    """The measures of a clip as it is now; None where it has changed since, or was never measured."""
    try:
        known = read_json(check_file(clip.name, paths), made_by="checks")
        if known["state"] == state(clip, paths, geometry):
            return [_from_json(measures) for measures in known["frames"]]
    except (SharpcamError, KeyError, TypeError):
        pass
    return None


def _from_json(measures: dict[str, Any]) -> Measures:
    partner = measures["partner"]
    return Measures(**measures | {"size": tuple(measures["size"]), "partner": partner and tuple(partner)})


def check(paths: Paths) -> None:
    """Measure every clip that has changed, and print what was found."""
    geometry = load_params(paths.params).geometry
    clips = find_clips(paths.raw)
    todo = [clip for clip in clips if known_measures(clip, paths, geometry) is None]
    with progress_bar(what="checks", total=sum(len(find_frames(clip)) for clip in todo)) as bar:
        for clip in todo:
            at_start = state(clip, paths, geometry)
            frames = []
            for measures in measure(clip, paths, geometry):
                frames.append(asdict(measures))
                bar.update()
            write_json(check_file(clip.name, paths), {"state": at_start, "frames": frames})
    for clip in clips:
        for finding in find(known_measures(clip, paths, geometry) or [], geometry):
            print(f"{clip.name}: {finding.sentence}", flush=True)
    for old in (paths.cache / "checks").glob("*.json"):
        if not (paths.raw / old.stem).is_dir():
            old.unlink()


def measure(clip: Path, paths: Paths, geometry: GeometryParams) -> Iterator[Measures]:
    """The measures of each frame of a clip, in time order."""
    before = None
    for path in find_frames(clip):
        try:
            frame = read_frame(path)
            picture = _partner(paths.teacher / clip.name / path.name)
        except SharpcamError as error:
            yield Measures(path.stem, str(error), (0, 0), None, 0.0, 0.0, 0.0, 0.0, None)
            continue
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)
        yield Measures(
            stem=path.stem,
            problem="",
            size=_size(frame),
            partner=None if picture is None else _size(picture),
            shift_px=_shift_px(frame, picture, geometry),
            sharpness=round(float(cv2.Laplacian(grey, cv2.CV_64F).var()), 3),
            dark=round(float((grey <= DARK).mean()), 4),
            bright=round(float((grey >= BRIGHT).mean()), 4),
            step=None if before is None else round(float(np.abs(small - before).mean()), 3),
        )
        before = small


def _partner(path: Path) -> Frame | None:
    return read_frame(path) if path.exists() else None


def _size(frame: Frame) -> tuple[int, int]:
    return frame.shape[1], frame.shape[0]


def _shift_px(frame: Frame, picture: Frame | None, geometry: GeometryParams) -> float:
    """How far the picture lies beside the frame, found by cross-correlation at the student's input size."""
    if picture is None or _size(picture) != geometry.target:
        return 0.0
    from skimage.registration import phase_cross_correlation  # a second, which a page that only reads must not pay

    ours, theirs = (_windowed(fit(each, geometry=geometry)) for each in (frame, picture))
    shift, *_ = phase_cross_correlation(ours, theirs, upsample_factor=SHIFT_STEPS, normalization=None)
    return round(float(np.hypot(*shift)) * geometry.scale, 3)


def _windowed(frame: Frame) -> NDArray[np.float32]:
    """The grey frame without its mean, fading out towards its edges, which else would count as structure."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    window = cv2.createHanningWindow(_size(frame), cv2.CV_32F)
    return np.asarray((grey - grey.mean()) * window, np.float32)


def find(frames: list[Measures], geometry: GeometryParams) -> list[Finding]:
    """What is to be looked at in a clip: one finding for each check that some of its frames do not pass."""
    read = [each for each in frames if not each.problem]
    usual = statistics.median(each.sharpness for each in read) if read else 0.0
    first = read[0].size if read else (0, 0)
    target = "x".join(map(str, geometry.target))
    paired = [each for each in read if each.partner]
    checks: dict[str, tuple[list[Measures], str]] = {
        "broken": ([each for each in frames if each.problem], "cannot be read"),
        "count": (
            [each for each in read if each.partner is None],
            "without a teacher picture: run the teacher",
        ),
        "size": (
            [each for each in read if each.size != first or each.partner not in (None, geometry.target)],
            f"of another size than the first frame, or with a teacher picture that is not {target}",
        ),
        "shift": (
            [each for each in paired if each.shift_px > LARGEST_SHIFT_PX],
            f"with a teacher picture shifted by more than {LARGEST_SHIFT_PX} px: the student would learn the shift",
        ),
        "blur": (
            [each for each in read if each.sharpness < LEAST_SHARPNESS * usual],
            "much more blurred than the rest of the clip",
        ),
        "exposure": (
            [each for each in read if max(each.dark, each.bright) > LARGEST_SHARE],
            f"with more than {LARGEST_SHARE:.0%} black or white",
        ),
        "duplicates": (
            [each for each in read if each.step is not None and each.step < LEAST_STEP],
            "nearly the same as the frame before: they add little",
        ),
    }
    return [
        Finding(name, tuple(each.stem for each in found), f"{len(found)} of {len(frames)} frames {words}")
        for name, (found, words) in checks.items()
        if found
    ]


def main(arguments: list[str] | None = None) -> int:
    """Check the clips of this project."""
    parser = command_parser("pipeline.checks", __doc__)
    parser.parse_args(arguments)
    return run_command(lambda: check(Paths.of_project()))


if __name__ == "__main__":
    sys.exit(main())
