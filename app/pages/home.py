"""Page: what state everything is in, and the one next thing to do."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from app.jobs import start, unfinished
from app.jobs.show import show_job, show_log
from app.stages import Pipeline, cost_of_teacher, estimate, read_pipeline
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.tracking import registry

TICK_S = 3.0


@dataclass(frozen=True)
class Next:
    """The one next thing: why, and the button or the page that does it."""

    words: str
    label: str
    page: str = ""  # file in app/pages; empty: the button runs the pipeline
    lines: str = ""  # the end of a log, where something failed


def show_page(paths: Paths) -> None:
    """The next thing first, the state of everything below it."""
    st.title("sharpcam")
    active = unfinished(paths)
    if active:
        st.subheader("Running")
        st.write(f"{_count(len(active), 'job')} at work or waiting. You may close this page: a job goes on without it.")
        show_job(active[0], paths)
        show_link("pipeline.py", "All jobs and stages")
    st.fragment(show_state, run_every=TICK_S)([job.number for job in active], paths)


def show_state(active: list[int], paths: Paths) -> None:
    """What is to be done, where no job is at it, and how everything stands; again every few seconds."""
    if [job.number for job in unfinished(paths)] != active:
        st.rerun()
    try:
        pipeline = read_pipeline(paths)
    except SharpcamError as error:
        st.error(f"{as_text(error)} Until then nothing can be run.")
        show_link("parameters.py", "Fix it on the page Parameters")
        return
    if not unfinished(paths, lane="pipeline"):
        try:
            show_next(next_thing(pipeline, paths), cost_of_teacher(pipeline.plan("all", "", force=False), paths), paths)
        except SharpcamError as error:  # the registry does not answer
            st.warning(as_text(error))
    st.subheader("Status")
    show_figures(pipeline, paths)
    doctor = "Looks at what is installed, and names a fix for what is missing. The answer stays on the page Pipeline."
    if st.button("Check this machine", icon=":material/stethoscope:", help=doctor, key="doctor"):
        begin("doctor", paths)


def next_thing(pipeline: Pipeline, paths: Paths) -> Next:
    """The first of these that applies. What is only known to MLflow is asked for last."""
    states = {stage.state for stage in pipeline.stages}
    plan = pipeline.plan("all", "", force=False)
    failed = [stage for stage in pipeline.stages if stage.state == "failed"]
    if failed:
        words = f"**{failed[0].name} failed.** Its last words are below: fix what they name, and run it again."
        return Next(words, "Run again", lines=failed[0].last_lines)
    if states == {"never run"}:
        first = (
            "**Nothing has run yet.** One press records, lets the slow teacher enhance that, and trains and "
            f"measures a first student: {', '.join(stage.name for stage in plan)}. You may close this page meanwhile."
        )
        return Next(first, "Begin with the demo" if _uses_demo(paths) else "Begin")
    if plan:
        words = f"**Not up to date: {', '.join(stage.name for stage in plan)}.** Running them takes {estimate(plan)}."
        return Next(words, "Run what is not up to date")
    return _after_training(paths)


def _after_training(paths: Paths) -> Next:
    evaluation = read_evaluation(paths)
    if evaluation and not evaluation["gate"]["passed"]:
        words = f"**The student is not good enough yet.** {evaluation['verdict'][0]} Train it longer, or on more clips."
        return Next(words, "Change the parameters", "parameters.py")
    versions = waited_for(partial(registry.versions, paths), words="Asking MLflow for its models …")
    if not any(registry.CHAMPION in version.aliases for version in versions):
        return Next("**The student is ready.** Promote it, and it is what runs live.", "Promote it", "models.py")
    if _uses_demo(paths):
        words = "**Everything works on the demo.** Now teach it your own camera: record or upload a clip."
        return Next(words, "Add your clips", "data.py")
    return Next("**Everything is up to date.** Look at your camera through the student.", "Go live", "live.py")


def _uses_demo(paths: Paths) -> bool:
    return load_params(paths.params).capture.source == "demo"


def show_next(step: Next, cost: str, paths: Paths) -> None:
    """The one next thing, with its button, and what the teacher in it will take."""
    with st.container(border=True, key="next"):
        st.caption("Next")
        st.markdown(step.words)
        show_log(step.lines)
        if step.page:
            show_link(step.page, step.label)
            return
        if cost:
            st.caption(cost)
        if st.button(step.label, type="primary", icon=":material/play_arrow:", key="next-button"):
            begin("repro", paths)


def begin(command: str, paths: Paths) -> None:
    """Start a job, and show it."""
    try:
        start(command, paths=paths)
    except (SharpcamError, OSError) as error:
        st.error(f"The job could not be started: {as_text(error)}")
        return
    st.rerun()


def show_link(page: str, label: str) -> None:
    """A link to another page, where the dashboard has it."""
    with suppress(StreamlitAPIException):
        st.page_link(f"pages/{page}", label=label, icon=":material/arrow_forward:")


def show_figures(pipeline: Pipeline, paths: Paths) -> None:
    """Recordings, stages and the student in numbers."""
    clips = {clip.name: len(find_frames(clip)) for clip in find_clips(paths.raw)}
    fresh = sum(stage.state == "fresh" for stage in pipeline.stages)
    figures: list[tuple[str, str, str]] = [
        ("Recordings", _count(len(clips), "clip"), _count(sum(clips.values()), "frame")),
        ("Stages up to date", f"{fresh} of {len(pipeline.stages)}", _states(pipeline)),
        ("Student", *_quality(read_evaluation(paths))),
    ]
    for column, (label, value, more) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, value, border=True)
        column.caption(more)


def _states(pipeline: Pipeline) -> str:
    others = [f"{stage.name}: {stage.state}" for stage in pipeline.stages if stage.state != "fresh"]
    return ", ".join(others) or "nothing to run"


def _quality(evaluation: dict[str, Any] | None) -> tuple[str, str]:
    if evaluation is None:
        return "none yet", "the stage evaluate measures it"
    return f"{evaluation['methods']['student']['teacher']['psnr']:.2f} dB", evaluation["verdict"][0]


def read_evaluation(paths: Paths) -> dict[str, Any] | None:
    """The last evaluation, where there is one that can be read."""
    try:
        evaluation = read_json(paths.evaluation, made_by="evaluate")
        float(evaluation["methods"]["student"]["teacher"]["psnr"])
        usable = evaluation["verdict"][0], evaluation["gate"]["passed"]
    except (SharpcamError, KeyError, TypeError, IndexError, ValueError):
        return None
    return dict(evaluation) if usable else None


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


show_page(Paths())
