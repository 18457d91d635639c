"""The stages as a person wants to know them: what state each is in and why, and what pressing a button would run.

Read from dvc.yaml, dvc.lock, params.yaml, the logs and the jobs' folders: nothing here asks DVC, and nothing is locked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from app.changed_files import latest
from app.durations import describe, expected, last_durations
from app.dvc_files import last_runs, outputs, recipes
from app.jobs.job import Job, newest
from app.jobs.progress import Progress
from app.last_run import Difference, differences
from pipeline.core.command import runs_here
from pipeline.core.errors import SharpcamError
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.yaml_text import parse_yaml

State = Literal["fresh", "stale", "never run", "running", "failed", "blocked"]
Scope = Literal["all", "this", "from"]
CHANGES = {
    "modified": "{} changed",
    "deleted": "{} is missing",
    "new": "{} is new",
    "not in cache": "{} is not in DVC's cache",
}
JOBS_READ = 10  # the last runs of the pipeline, in which a stage may have failed
LAST_LINES = 8


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml and how it stands."""

    name: str
    needs: tuple[str, ...]  # the stages whose outputs it reads
    state: State = "fresh"
    reasons: tuple[str, ...] = ()
    last_s: float | None = None  # how long it took when it last ended well
    expected_s: float | None = None  # how long it will take with what there is to do now
    progress: Progress | None = None
    last_lines: str = ""  # where it failed


@dataclass(frozen=True)
class Pipeline:
    """All stages, each after those that it needs."""

    stages: tuple[Stage, ...]
    checking: bool = False  # files are being compared; what is known of them may be out of date
    error: str = ""  # why DVC could not compare them

    def downstream(self, name: str) -> list[Stage]:
        """The stage and all that reads, directly or not, what it writes."""
        reached = {name}
        for stage in self.stages:
            if reached & set(stage.needs):
                reached.add(stage.name)
        return [stage for stage in self.stages if stage.name in reached]

    def plan(self, scope: Scope, name: str, *, force: bool) -> list[Stage]:
        """What would be run; DVC skips those among them whose inputs come out the same."""
        asked = {
            "all": list(self.stages),
            "this": [stage for stage in self.stages if stage.name == name],
            "from": self.downstream(name),
        }[scope]
        return [stage for stage in asked if force or stage.state != "fresh"]


def arguments(scope: Scope, name: str, *, force: bool) -> list[str]:
    """The words for `dvc repro`."""
    words = {"all": [], "this": ["--single-item", name], "from": ["--downstream", name]}[scope]
    return [*words, "--force"] if force else words


def dry_arguments(plan: Iterable[Stage]) -> list[str]:
    """The words with which `dvc repro` lists what a press would run.

    Forced, as without that DVC gives up at the first stage whose input another one has yet to make.
    """
    names = [stage.name for stage in plan]
    return ["--dry", "--force", "--single-item", *names] if names else ["--dry"]


def estimate(plan: Iterable[Stage]) -> str:
    """How long the stages will take, in words."""
    plan = list(plan)
    times = {stage.name: stage.expected_s for stage in plan if stage.expected_s is not None}
    return describe((stage.name for stage in plan), times, {stage.name: stage.last_s for stage in plan if stage.last_s})


def estimate_with(content: dict[str, Any], names: Iterable[str], paths: Paths) -> str:
    """The same of the stages with these names, whatever state they are in, with the parameters in `content`."""
    changed = [found.key for found in differences(content, paths)]
    times = expected(Params.model_validate(content), paths, changed=changed)
    return describe(names, times, {name: known.seconds for name, known in last_durations(paths).items()})


def read_pipeline(paths: Paths) -> Pipeline:
    """How every stage stands. Raises SharpcamError where params.yaml, dvc.yaml or dvc.lock is broken."""
    params = load_params(paths.params)
    try:
        return _read_pipeline(params, paths)
    except (TypeError, KeyError, AttributeError, ValueError):
        raise SharpcamError(
            'dvc.yaml or dvc.lock is not as DVC has it. "git checkout dvc.yaml" puts the first right; '
            'a dvc.lock that was never committed can go: "make repro" writes it anew.'
        ) from None


def _read_pipeline(params: Params, paths: Paths) -> Pipeline:
    known, ran = recipes(paths), last_runs(paths)
    recent = list(islice(filter(_runs_stages, newest(paths)), JOBS_READ))
    running = _running(known, recent, paths)
    changed = latest(paths, busy=bool(running))
    done = last_durations(paths)
    changes = differences(parse_yaml(paths.params.read_text(encoding="utf-8")), paths)
    times, reasons = expected(params, paths, changed=[each.key for each in changes]), _reasons(known, ran, changes)
    stages: dict[str, Stage] = {}
    for name in _in_order(known):
        before = done.get(name)
        ended, seconds = (before.ended, before.seconds) if before else (0.0, None)
        files = (changed.stages or {}).get(name, {}) if changed.asked > ended else {}
        why = [*reasons[name], *(CHANGES.get(state, "{}: " + state).format(path) for path, state in files.items())]
        stage = Stage(
            name,
            tuple(_needs(name, known)),
            last_s=seconds,
            expected_s=times.get(name),
            reasons=tuple(dict.fromkeys(why)),
        )
        stage = _state(stage, never=name not in ran, before=stages)
        stages[name] = _as_jobs_left_it(stage, running, recent, since=ended, before=stages)
    return Pipeline(tuple(stages.values()), changed.checking, changed.error)


def _runs_stages(job: Job) -> bool:
    return job.command == "repro" and "--dry" not in job.arguments


def _needs(name: str, known: dict[str, Any]) -> list[str]:
    read = set(known[name].get("deps", []))
    return [other for other, recipe in known.items() if other != name and read & set(outputs(recipe))]


def _in_order(known: dict[str, Any]) -> list[str]:
    """Each stage after those that it needs, else as in dvc.yaml."""
    order: list[str] = []
    while len(order) < len(known):
        left = [name for name in known if name not in order]
        ready = [name for name in left if set(_needs(name, known)) <= set(order)]
        order += ready[:1] or left  # a circle: DVC will say so
    return order


def _reasons(known: dict[str, Any], ran: dict[str, Any], changes: Iterable[Difference]) -> dict[str, list[str]]:
    """Why a stage is stale, as far as the three files tell: its command, a parameter, what an earlier stage wrote."""
    reasons: dict[str, list[str]] = {name: [] for name in known}
    for name in known.keys() & ran.keys():
        if known[name].get("cmd") != ran[name].get("cmd"):
            reasons[name].append("its command changed")
    for found in changes:
        for name in found.stages:
            reasons[name].append(f"{found.key}: {found.then} → {found.now}")
    written = {out["path"]: (name, out.get("md5")) for name, run in ran.items() for out in run.get("outs", [])}
    for name in known.keys() & ran.keys():
        for read in ran[name].get("deps", []):
            maker, version = written.get(read["path"], ("", read.get("md5")))
            if version != read.get("md5"):
                reasons[name].append(f"{maker} made another {read['path']} since")
    return reasons


def _state(stage: Stage, *, never: bool, before: dict[str, Stage]) -> Stage:
    waiting = [name for name in stage.needs if before[name].state != "fresh"]
    if never:
        return replace(stage, state="never run", reasons=())
    if stage.reasons:
        return replace(stage, state="stale")
    if waiting:
        return replace(stage, state="stale", reasons=(f"comes after {', '.join(waiting)}",))
    return stage


def _as_jobs_left_it(
    stage: Stage, running: dict[str, Job | None], recent: list[Job], *, since: float, before: dict[str, Stage]
) -> Stage:
    """Running, failed or blocked go before what the files say."""
    if stage.name in running:
        job = running[stage.name]
        return replace(stage, state="running", reasons=(), progress=job.standing.progress if job else None)
    blockers = [name for name in stage.needs if before[name].state in ("failed", "blocked")]
    if blockers:
        return replace(stage, state="blocked", reasons=(f"waits for {', '.join(blockers)}",))
    for job in recent:
        if not job.over or (job.started or 0.0) + job.seconds <= since:
            continue
        standing = job.standing
        if standing.stage != stage.name or standing.ended_well or job.state == "done":
            continue
        if job.state in ("cancelled", "killed"):
            return replace(stage, reasons=(f"stopped before its end in job {job.number}", *stage.reasons))
        last = "\n".join(job.tail().rstrip().splitlines()[-LAST_LINES:])
        return replace(stage, state="failed", reasons=(f"job {job.number} {job.state} in it",), last_lines=last)
    return stage


def _running(known: dict[str, Any], recent: list[Job], paths: Paths) -> dict[str, Job | None]:
    """The stages that run, each with its job; None where it was started in a terminal."""
    found: dict[str, Job | None] = {name: None for name in known if runs_here(name, paths=paths)}
    for job in recent:
        stage = job.standing.running if job.state == "running" else None
        if stage in known:
            found[stage] = job
    return found
