"""What is gained over bicubic in each family: of whatever doubles frames once it has seen those of its camera."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import cv2
import numpy as np

from pipeline.core.geometry import Frame
from pipeline.core.progress import progress
from pipeline.families.families import FAMILIES, SCALE
from pipeline.families.photographs import photographs

FRAMES = 3  # of a shot of each
BORDER_PX = 8  # left out where a picture is compared with the truth

Begin = Callable[[Sequence[Frame]], Callable[[Frame], Frame]]  # given all frames of a camera: what doubles one of them
Gains = dict[str, float]  # by family: dB of luma above bicubic


def gains(begin: Begin, *, photos: int, what: str) -> Gains:
    """By family, how far pictures are above bicubic: dB of OpenCV's luma, the mean over so many photographs.

    A look, where `python -m benchmarks.cameras` is the measurement: `photos` of those that packages ship. `what` is
    what the bar says. Raises SharpcamError where they are missing.
    """
    chosen = photographs(None, at_most=photos)
    return {name: _gain(name, chosen, begin) for name in progress(FAMILIES, what=what, unit="family")}


def _gain(name: str, photos: Mapping[str, Frame], begin: Begin) -> float:
    family = FAMILIES[name]
    shots = {key: family.shot(photo, name=f"{name}/{key}", frames=FRAMES) for key, photo in photos.items()}
    enhance = begin([frame for shot in shots.values() for frame in shot])
    won = []
    for key, shot in shots.items():
        truth, frame = family.truth(photos[key]), shot[-1]
        size = SCALE * frame.shape[1], SCALE * frame.shape[0]
        plain = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC))
        won.append(_luma_psnr(enhance(frame), truth) - _luma_psnr(plain, truth))
    return round(fmean(won), 3)


def _luma_psnr(picture: Frame, truth: Frame) -> float:
    inner = slice(BORDER_PX, -BORDER_PX)
    one, other = (
        np.ascontiguousarray(cv2.cvtColor(each, cv2.COLOR_RGB2YCrCb)[inner, inner, 0]) for each in (picture, truth)
    )
    return float(cv2.PSNR(one, other))


def below(found: Gains, *, who: str, allowed_db: float) -> list[str]:
    """A sentence where `who` is below bicubic by more than `allowed_db` in some family; none where it is not."""
    worse = {name: gain for name, gain in sorted(found.items(), key=lambda item: item[1]) if gain < -allowed_db}
    if not worse:
        return []
    words = ", ".join(f"{name} ({gain:+.2f} dB)" for name, gain in worse.items())
    return [f"On pictures of these kinds of cameras {who} is below bicubic: {words}."]
