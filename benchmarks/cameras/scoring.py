"""Scores of every method on every family, once as frames of one clip and once as lone pictures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.cameras import measures
from benchmarks.cameras.methods import BICUBIC, Enlarging, Method, doubled
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256_of_bytes
from pipeline.families.families import Family

STILL_SCENES = 2  # of the photographs: flicker costs as many more pictures as they have frames
STILL_FRAMES = 3  # the last ones of a still shot

Memo = dict[tuple[tuple[float, ...], str], Frame]  # by dials and frame: most methods answer alike in both modes
Scores = dict[str, dict[str, dict[str, "Score"]]]  # by family, mode and method


@dataclass(frozen=True)
class PictureScore:
    """What one method made of one picture."""

    psnr_db: float
    psnr_rgb_db: float
    ssim: float
    brightness: float  # grey levels above bicubic, signed
    halo: float | None  # None: no strong edge
    dials: tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """What one method made of a family in one mode: means over its pictures."""

    psnr_db: float
    psnr_rgb_db: float
    ssim: float
    brightness: float  # mean of the absolute differences
    halo: float
    flicker: float
    pictures: dict[str, PictureScore]


def whole_clip(method: Method, film: Sequence[Frame]) -> Callable[[Frame], Enlarging]:
    """The method looks at the whole film first."""
    begun = method.begin(film)
    return lambda _: begun


def lone_picture(method: Method, film: Sequence[Frame]) -> Callable[[Frame], Enlarging]:
    """The method knows nothing but the picture itself."""
    del film
    return lambda frame: method.begin([frame])


MODES = {"clip": whole_clip, "single": lone_picture}


@dataclass(frozen=True)
class Material:
    """All frames of one family."""

    truths: dict[str, Frame]
    shots: dict[str, list[Frame]]  # of each photograph; the last frame is the one that is compared
    still: dict[str, list[Frame]]  # shots of a camera that stands still

    @property
    def film(self) -> list[Frame]:
        """What a camera of this family saw, one scene after the other."""
        return [frame for shot in self.shots.values() for frame in shot]


def material(name: str, family: Family, photos: dict[str, Frame], *, frames: int) -> Material:
    """The frames of `family`: of each photograph a shot of so many frames."""
    shots = {key: family.shot(photo, name=f"{name}/{key}", frames=frames) for key, photo in photos.items()}
    still = {
        key: family.shot(photos[key], name=f"{name}/{key}", frames=frames, still=True) if family.pan_px else shots[key]
        for key in list(photos)[:STILL_SCENES]
    }
    return Material({key: family.truth(photo) for key, photo in photos.items()}, shots, still)


def score_family(made: Material, methods: Sequence[Method], done: Callable[[], object]) -> dict[str, dict[str, Score]]:
    """By mode and method; `done` is called after each method in each mode."""
    scores: dict[str, dict[str, Score]] = {mode: {} for mode in MODES}
    for method in methods:
        memo: Memo = {}
        for mode, begin in MODES.items():
            scores[mode][method.name] = score(made, begin(method, made.film), memo)
            done()
    return scores


def score(made: Material, begun: Callable[[Frame], Enlarging], memo: Memo) -> Score:
    """One method in one mode."""
    pictures = {name: score_picture(shot[-1], made.truths[name], begun, memo) for name, shot in made.shots.items()}
    calm = [
        measures.flicker([enlarged(frame, begun(frame), memo) for frame in shot[-STILL_FRAMES:]])
        for shot in made.still.values()
        if len(shot) > 1
    ]
    halos = [one.halo for one in pictures.values() if one.halo is not None]
    return Score(
        psnr_db=mean([one.psnr_db for one in pictures.values()]),
        psnr_rgb_db=mean([one.psnr_rgb_db for one in pictures.values()]),
        ssim=mean([one.ssim for one in pictures.values()]),
        brightness=mean([abs(one.brightness) for one in pictures.values()]),
        halo=mean(halos),
        flicker=mean(calm),
        pictures=pictures,
    )


def score_picture(frame: Frame, truth: Frame, begun: Callable[[Frame], Enlarging], memo: Memo) -> PictureScore:
    """One picture against its truth and against bicubic."""
    enlarging = begun(frame)
    picture, plain = enlarged(frame, enlarging, memo), doubled(frame, kernel=BICUBIC)
    return PictureScore(
        **asdict(measures.near(picture, truth)),
        brightness=measures.brightness(picture, plain),
        halo=measures.halo(picture, plain),
        dials=enlarging.dials,
    )


def enlarged(frame: Frame, enlarging: Enlarging, memo: Memo) -> Frame:
    """What `enlarging` makes of `frame`, computed once."""
    key = enlarging.dials, sha256_of_bytes(frame.tobytes())
    if key not in memo:
        memo[key] = enlarging.enhance(frame)
    return memo[key]


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return float(np.mean(values)) if values else 0.0


def as_json(scores: Scores) -> dict[str, Any]:
    """All scores as JSON can hold them."""
    return {
        family: {mode: {name: asdict(one) for name, one in found.items()} for mode, found in modes.items()}
        for family, modes in scores.items()
    }
