"""What a training is called, so that people know it again among others."""

from collections.abc import Iterable
from datetime import datetime

from pipeline.core.clips import DEMO_CAMERAS, camera_of, own_first
from pipeline.core.params import Params
from pipeline.core.paths import Paths

MOST_NAMED = 2  # cameras


def run_name(params: Params, clips: Iterable[str], paths: Paths, *, begun: datetime) -> str:
    """Student, chain, cameras of the training `clips`, date: "student_m · bundled · desk, demo · 3 Mar 17:05"."""
    cameras = own_first({camera_of(paths.raw / clip) for clip in clips})
    when = f"{begun.day} {begun:%b %H:%M}"
    return " · ".join([params.train.model, params.teacher.chain, describe_cameras(cameras), when])


def describe_cameras(cameras: list[str]) -> str:
    """The first of them by name, and how many more there are."""
    names = ["demo" if camera == DEMO_CAMERAS else camera for camera in cameras]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
