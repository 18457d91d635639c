"""The dials that a student with some learns each clip with: those of the camera that recorded it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.student.clip_dials import bundled_reader
from pipeline.student.dials import Dials
from pipeline.tracking.figures import LONGEST_VALUE
from training.models.dials import NEUTRAL
from training.models.student import StudentSR

ClipDials = Mapping[str, Dials]  # by clip; empty for a student without dials
NO_DIALS: ClipDials = MappingProxyType({})


def dials_of_clips(model: nn.Module, clips: Iterable[str], paths: Paths) -> ClipDials:
    """The dials of each raw clip, for a student that takes some; neutral where no estimator is there to read them.

    Raises SharpcamError where the file of the estimator is none.
    """
    if not isinstance(model, StudentSR) or model.dials is None:
        return NO_DIALS
    neutral, names = Dials(*NEUTRAL), sorted(set(clips))
    if (reader := bundled_reader(paths, neutral)) is None:
        return dict.fromkeys(names, neutral)
    return {name: reader.dials(paths.raw / name) for name in progress(names, what="dials", unit="clip")}


def rows(names: Sequence[str], dials: ClipDials) -> Tensor | None:
    """The dials (F, 4) of frames called <clip>/<stem>; None for a student without."""
    return torch.tensor([dials[clip_of(name)] for name in names]) if dials else None


def clip_of(name: str) -> str:
    """The clip of a frame called <clip>/<stem>."""
    return name.partition("/")[0]


def summary(dials: ClipDials) -> str:
    """For people: "9 clips: blur 0.10 to 0.42, noise 0.00 to 0.61, ..."."""
    ends = [
        f"{name} {min(values):.2f} to {max(values):.2f}"
        for name, values in zip(Dials._fields, zip(*dials.values(), strict=True), strict=True)
    ]
    return f"{len(dials)} clips: {', '.join(ends)}"


def as_json(dials: ClipDials) -> dict[str, dict[str, float]]:
    """By clip and name, as JSON holds them."""
    return {clip: found._asdict() for clip, found in dials.items()}


def as_param(dials: ClipDials) -> dict[str, str]:
    """What MLflow's run is told: every clip's where there is room in one parameter, else what they range over."""
    if not dials:
        return {}
    every = json.dumps({clip: list(found) for clip, found in dials.items()})
    return {"dials": summary(dials), "dials_of_clips": every if len(every) <= LONGEST_VALUE else "see dials.json"}
