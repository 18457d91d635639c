"""A student of the viewer's own camera by one press: what that costs, the run, and the pair to compare after it.

The last one is noted in .cache/mine.json, so that it outlives the page and the server; its run is a job like any other.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from app.durations import last_durations
from app.jobs import Job, start
from app.jobs.job import newest
from app.parameters import file as params_file
from app.roles import operators_only
from pipeline.core.clips import DEMO_CLIP, find_clips
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.progress import in_hours
from pipeline.forecast import known_rates
from pipeline.student.catalogue import float_sha256, read_contract

RUN = "repro"  # the command of app.jobs
CLIPS, FRAMES, PER_SECOND = 2, 40, 2.0
NAME = "my-camera"
REST = ("split", "export", "evaluate")  # stages whose time hardly depends on how much there is
REST_S = 90.0  # of those together, where they never ran here
LEAST_VALIDATION = 2  # frames of a clip
PNG_SHARE = 0.6  # of a frame's bytes, as cameras' frames go

Entry = dict[str, str]  # a student as app.live.options describes it


@dataclass(frozen=True)
class Mine:
    """What was asked for last."""

    job: int
    clips: tuple[str, ...]
    before: str  # hash of the student that was in use
    settled: bool = False  # whether the viewer has kept the new student, or left it


def _note(paths: Paths) -> Path:
    return paths.cache / "mine.json"


def last(paths: Paths) -> Mine | None:
    """The last one, if there is one that is not settled."""
    try:
        known = read_json(_note(paths), made_by="Make it mine", like=dict)
        found = Mine(**known | {"clips": tuple(known["clips"])})
    except (SharpcamError, KeyError, TypeError):
        return None
    return None if found.settled else found


def job_of(mine: Mine, paths: Paths) -> Job | None:
    """Its run, or a later one that went on with it; none where those were removed."""
    runs = (job for job in newest(paths) if job.command == RUN and "--dry" not in job.arguments)
    last_run = next(runs, None)
    return last_run if last_run and last_run.number >= mine.job else None


@operators_only
def settle(mine: Mine, paths: Paths) -> None:
    """The viewer has decided; nothing is asked any more."""
    write_json(_note(paths), asdict(replace(mine, settled=True)))


def offer(paths: Paths) -> dict[str, Any]:
    """What the player proposes: the clips, and what they and all that follows will cost, or "" while unknown.

    Raises SharpcamError where params.yaml is broken.
    """
    params = load_params(paths.params)
    seconds = round(FRAMES / PER_SECOND)
    words = (
        f"{CLIPS} clips of {seconds} seconds each are recorded: let the camera see different things. Then the slow "
        f"teacher enhances their {CLIPS * FRAMES} frames, your own student ({params.train.model}) is trained on them, "
        "and you compare it with the one before."
    )
    if any(clip.name.startswith(DEMO_CLIP) for clip in find_clips(paths.raw)):
        words += " The demo's simulated cameras are left out from now on (capture.source becomes inbox)."
    clips = free_names(paths)
    return {"clips": clips, "frames": FRAMES, "perSecond": PER_SECOND, "words": words, "cost": cost(paths, params)}


def free_names(paths: Paths) -> list[str]:
    """Names that no clip has yet."""
    taken = {clip.name for home in (paths.inbox, paths.raw) for clip in find_clips(home)}
    names = (f"{NAME}-{number}" for number in count(1))
    return list(islice((name for name in names if name not in taken), CLIPS))


def cost(paths: Paths, params: Params) -> str:
    """Minutes and megabytes in a sentence; "" where no forecast was made that holds."""
    rates = known_rates(paths, params)
    if rates is None:
        return ""
    validation = CLIPS * max(LEAST_VALIDATION, round(params.split.validation_share * FRAMES))
    teacher_s, train_s = rates.seconds(frames=CLIPS * FRAMES, validation_frames=validation, params=params)
    done = last_durations(paths)
    rest_s = sum(done[name].seconds for name in REST) if done.keys() >= set(REST) else REST_S
    camera = params.capture.camera
    raw = 2 * CLIPS * FRAMES * camera.width * camera.height * 3 * PNG_SHARE  # in data/raw and in DVC's cache
    megabytes = (raw + CLIPS * FRAMES * rates.teacher_bytes) / 1e6
    return (
        f"It will take about {in_hours(teacher_s + train_s + rest_s)} on the server ({in_hours(teacher_s)} for the "
        f"teacher, {in_hours(train_s)} for the training) and up to {megabytes:.0f} MB of its disk."
    )


@operators_only
def begin(clips: Sequence[str], before: str, models: Collection[Entry], paths: Paths) -> Mine:
    """Train a student on these clips of the inbox; `before` names the student in use, one of `models`.

    Raises SharpcamError where a clip is not there, or the run cannot be started.
    """
    waiting = {clip.name for clip in find_clips(paths.inbox)}
    if not clips or not waiting.issuperset(clips):
        raise SharpcamError("The recordings are not in data/inbox any more. Record them again.")
    if load_params(paths.params).capture.source == "demo":
        params_file.change(paths, {"capture.source": "inbox"})
    shown = next((model["sha256"] for model in models if model["name"] == before), "")
    made = Mine(start(RUN, paths=paths).number, tuple(clips), shown)
    write_json(_note(paths), asdict(made))
    return made


def pair(mine: Mine, models: Collection[Entry], paths: Paths) -> tuple[str, str] | None:
    """The names of the students (before, after) once the run has ended well; None where it gave no new one."""
    job = job_of(mine, paths)
    if job is None or job.state != "done":
        return None
    try:
        made = float_sha256(read_contract(paths.contract))
    except SharpcamError:
        return None
    names = {model["sha256"]: model["name"] for model in reversed(list(models))}
    if made == mine.before or made not in names:
        return None
    return names.get(mine.before, "bicubic"), names[made]
