"""How long the stages took, and how long they will take: the last run, scaled by how much there is to do now."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from pipeline.core import work
from pipeline.core.clips import DEMO_CLIP, find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.core.progress import in_hours
from pipeline.core.split_file import read_split
from pipeline.forecast import frames_to_come, known_forecast

Finite = Annotated[float, Field(ge=0, le=2**33)]  # seconds, or steps and frames

ANOTHER = 0.2  # an expected time that differs by more from the last one is told beside it


@dataclass(frozen=True)
class Duration:
    """A run of a stage that ended well."""

    ended: float  # seconds since 1970
    seconds: float
    work: float = 0.0  # what it did, as `pipeline.core.work` counts; 0: not known, or nothing
    work_s: float = 0.0  # the part of the seconds that was spent on that

    def scaled(self, work_now: float | None) -> float:
        """How long that much work would take; None: as much as then."""
        if work_now is None or not self.work:
            return self.seconds
        return self.seconds - self.work_s + self.work_s * work_now / self.work


class Logged(BaseModel, frozen=True):
    """A line of logs/durations.jsonl."""

    stage: str
    status: str
    started: Finite
    seconds: Finite
    work: Finite = 0.0
    work_s: Finite = 0.0


def last_durations(paths: Paths) -> dict[str, Duration]:
    """By stage its last run that ended well, by preference one that had something to do."""
    found: dict[str, Duration] = {}
    for stage, duration in _lines(paths):
        if duration.work or not found.get(stage, duration).work:
            found[stage] = duration
        else:  # nothing was to be done: how long it takes to do something is known from before
            before = found[stage]
            found[stage] = Duration(duration.ended, before.seconds, before.work, before.work_s)
    return found


def _lines(paths: Paths) -> Iterator[tuple[str, Duration]]:
    log = paths.logs / "durations.jsonl"
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []:
        with suppress(ValidationError):  # a kill cut the line off
            run = Logged.model_validate_json(line)
            if run.status == "done":
                yield run.stage, Duration(run.started + run.seconds, run.seconds, run.work, run.work_s)


def expected(params: Params, paths: Paths, *, changed: Iterable[str] = ()) -> dict[str, float]:
    """Stage -> seconds that its next run will take with `params`; none where it never ended here.

    `changed` are the dotted parameters that differ from those of the last run.
    """
    last = last_durations(paths)
    waiting = work_waiting(params, paths, changed=tuple(changed))
    times = {stage: duration.scaled(waiting.get(stage)) for stage, duration in last.items()}
    if (known := known_forecast(paths, params)) and known.frames:
        times["teacher"] = known.seconds
    return times


def work_waiting(params: Params, paths: Paths, *, changed: tuple[str, ...]) -> dict[str, float]:
    """How much the next run of each stage has to do, where that can be told from here."""
    recorded = find_clips(paths.raw)
    coming = frames_to_come(paths, params)
    if any(key.startswith(("capture.", "seed", "geometry.")) for key in changed) and params.capture.source == "demo":
        demo = params.capture.demo
        coming += demo.clips * demo.frames + demo.real_frames
        recorded = [clip for clip in recorded if not clip.name.startswith(DEMO_CLIP)]
    there = sum(map(count_frames, recorded))
    done = sum(count_frames(paths.teacher / clip.name) for clip in recorded)
    again = any(key.startswith(("teacher.", "geometry.")) for key in changed)
    frames = {"capture": coming, "teacher": coming + (there if again else max(0, there - done))}
    frames["evaluate"] = validation_frames(params, paths, all_frames=there + coming)
    waiting = {stage: count * work.of_a_step(stage, params) for stage, count in frames.items()}
    return waiting | {"train": work.of_training(params)}


def count_frames(clip: Path) -> int:
    """How many frames a clip has; 0 where there is none. A page asks every few seconds, and of thousands."""
    try:
        return _count_frames(clip.absolute(), clip.stat().st_mtime_ns)
    except FileNotFoundError:
        return 0


@lru_cache(maxsize=10_000)
def _count_frames(clip: Path, changed_ns: int) -> int:
    """As long as the folder is the one that was changed at `changed_ns`."""
    del changed_ns
    return len(find_frames(clip))


def validation_frames(params: Params, paths: Paths, *, all_frames: int) -> int:
    """As the split has them, else their share of all."""
    try:
        return sum(map(len, read_split(paths).validation.values()))
    except SharpcamError:
        return round(params.split.validation_share * all_frames)


def describe(names: Iterable[str], times: Mapping[str, float], last: Mapping[str, float]) -> str:
    """How long these stages will take together, in words; what is not known of them, too."""
    names = list(names)
    known = [name for name in names if name in times]
    sentence = ""
    if known:
        now, then = sum(times[name] for name in known), sum(last[name] for name in known if name in last)
        sentence = f"about {in_hours(now)}"
        if then and abs(now - then) > ANOTHER * then:
            sentence += f", {in_hours(then)} last time"
    if unknown := [name for name in names if name not in times]:
        has, its = ("has", "its duration is") if len(unknown) == 1 else ("have", "their durations are")
        never = f"{', '.join(unknown)} {has} never finished on this machine, so {its} unknown"
        sentence += ("; " if sentence else "") + never
    return sentence
