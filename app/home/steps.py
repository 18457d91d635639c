"""The way from a first look to one's own student, and how far a project has come on it."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.evaluation import read_evaluation
from app.home.before_after import own_clips
from app.roles import operators_only
from app.stages import Pipeline, estimate
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.tracking import registry
from pipeline.tracking.registry import CHAMPION

STEPS = ("Try", "Record", "Teach", "Compare", "Use")


@dataclass(frozen=True)
class Next:
    """The one next thing: to which step it belongs, why, and the button that does it."""

    step: str
    words: str
    label: str
    page: str = ""  # file in app/pages; empty: the button runs the pipeline
    lines: str = ""  # the end of a log, where something failed
    demo: bool = False  # whether a run on the demo would be the other way to begin


@operators_only
def note_live(paths: Paths) -> None:
    """Note that the page Live was opened."""
    with suppress(OSError):  # a folder that may not be written: then the step stays open
        _live(paths).parent.mkdir(exist_ok=True)
        _live(paths).touch()


def _live(paths: Paths) -> Path:
    return paths.cache / "live-opened"


def steps_done(pipeline: Pipeline, paths: Paths) -> set[str]:
    """The steps that are done; a registry that does not answer counts as one without a champion."""
    opened_ms = _live(paths).stat().st_mtime * 1000 if _live(paths).exists() else 0
    champion = None
    with suppress(SharpcamError):  # said where it matters: next_thing
        champion = champion_of(paths)
    done = {
        "Try": opened_ms > 0,
        "Record": bool(own_clips(paths)),
        "Teach": bool(own_clips(paths)) and not pipeline.plan("all", "", force=False),
        "Compare": champion is not None,
        "Use": champion is not None and opened_ms > champion.created_ms,
    }
    return {step for step, is_done in done.items() if is_done}


def champion_of(paths: Paths) -> registry.Version | None:
    """The champion, where there is one. Raises SharpcamError where the registry does not answer."""
    versions = waited_for(partial(registry.versions, paths), words="Asking MLflow for its models …")
    return registry.holder(CHAMPION, versions)


def next_thing(pipeline: Pipeline, done: set[str], paths: Paths) -> Next:
    """The first of these that applies. Raises SharpcamError where that depends on a registry that does not answer."""
    never_ran = {stage.state for stage in pipeline.stages} == {"never run"}
    plan = pipeline.plan("all", "", force=False)
    failed = [stage for stage in pipeline.stages if stage.state == "failed"]
    if failed:
        words = f"**{failed[0].name} failed.** Its last words are below: fix what they name, and run it again."
        return Next("Teach", words, "Run again", lines=failed[0].last_lines)
    if never_ran and "Record" not in done:
        return _first(done, paths)
    if plan and never_ran:
        words = (
            "**Now it learns your camera.** One press lets the slow teacher enhance your clips, trains a student on "
            "them and measures it. You may close this page meanwhile."
        )
        return Next("Teach", words, "Teach it")
    if plan:
        words = f"**Not up to date: {', '.join(stage.name for stage in plan)}.** Duration: {estimate(plan)}."
        return Next("Teach", words, "Run what is not up to date")
    return _after_training(done, paths)


def _first(done: set[str], paths: Paths) -> Next:
    """Where nothing has run yet."""
    demo = load_params(paths.params).capture.source == "demo"
    if "Try" not in done:
        words = (
            "**Live works at once.** Nothing has run yet, and nothing has to: a student that comes with sharpcam "
            "enhances your camera in this browser. No picture leaves it."
        )
        return Next("Try", words, "Try it on your camera", "live.py", demo=demo)
    words = (
        "**Record your own camera**, so that a student can learn it: half a minute is enough to begin with. On Live, "
        "*Make it mine* records and trains in one go."
    )
    return Next("Record", words, "Record a clip", "live.py", demo=demo)


def _after_training(done: set[str], paths: Paths) -> Next:
    evaluation = read_evaluation(paths)
    if evaluation and not evaluation["gate"]["passed"]:
        words = f"**The student is not good enough yet.** {evaluation['verdict'][0]}"
        return Next("Teach", words, "Change the parameters", "parameters.py")
    if champion_of(paths) is None:
        words = (
            "**Your own student is ready**, and used on all pages until the next training replaces it. Compare it with "
            "the one that comes with sharpcam, and promote it to keep it."
        )
        return Next("Compare", words, "Compare it", "models.py")
    if "Record" not in done:
        words = "**Everything works on the demo.** Now teach it your own camera: record or upload a clip."
        return Next("Record", words, "Record a clip", "live.py")
    return Next("Use", "**Everything is up to date.** Look at your camera through the student.", "Go live", "live.py")
