"""Page: what the student makes of a frame, the way to one's own student, and the one next thing to do."""

from concurrent.futures import Future, wait
from typing import Any

import streamlit as st

from app.compare import show_slider
from app.cost_view import show_cost
from app.evaluation import describe_student, read_evaluation
from app.home.before_after import Pair
from app.home.before_after import begin as make_pair
from app.home.steps import STEPS, Next, next_thing, steps_done
from app.jobs import unfinished
from app.jobs.show import begin, show_job, show_log
from app.links import show_link
from app.roles import may_operate
from app.stages import Pipeline, read_pipeline
from app.text import as_text
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

TICK_S = 3.0
PAIR_S = 1.0  # the rest of the page waits so long for the pictures, and no longer
PAIR_TICK_S = 0.5
DONE, NEXT, OPEN = (f":material/{icon}:" for icon in ("check_circle", "arrow_circle_right", "radio_button_unchecked"))
DEMO = (
    "Records simulated cameras, lets the slow teacher enhance them, trains and measures a first student: "
    "the whole way without a camera of your own."
)


def show_page(paths: Paths) -> None:
    """The next thing first, the state of everything below it."""
    st.title("sharpcam")
    show_before_after(make_pair(paths))
    active = unfinished(paths)
    if active:
        st.subheader("Running")
        st.write(f"{_count(len(active), 'job')} at work or waiting. You may close this page: a job goes on without it.")
        show_job(active[0], paths)
        show_link("pipeline.py", "All jobs and stages")
    st.fragment(show_state, run_every=TICK_S)([job.number for job in active], paths)


def show_before_after(pair: Future[Pair]) -> None:
    """The pictures, or a place for them until they are made."""
    wait([pair], PAIR_S)
    if not pair.done():
        st.fragment(wait_for_pair, run_every=PAIR_TICK_S)(pair)
        return
    try:
        made = pair.result()
        show_slider({"bicubic": made.before, made.student: made.after}, key="before-after", bare=True)
    except (SharpcamError, OSError) as error:
        st.info(as_text(error))
        return
    st.caption(as_text(f"{made.frame}. Drag the line to compare."))


def wait_for_pair(pair: Future[Pair]) -> None:
    """Draw the page anew once the pictures are there."""
    if pair.done():
        st.rerun()
    st.info("The student enhances a frame …")


def show_state(active: list[int], paths: Paths) -> None:
    """What is to be done, where no job is at it, and how everything stands; again every few seconds."""
    if [job.number for job in unfinished(paths)] != active:
        st.rerun()
    try:
        pipeline = read_pipeline(paths)
    except SharpcamError as error:
        st.error(f"{as_text(error)} Until then nothing can be run.")
        show_link("parameters.py", "Fix it")
        return
    if may_operate() and not unfinished(paths, lane="pipeline"):
        try:
            done = steps_done(pipeline, paths)
            step = next_thing(pipeline, done, paths)
            show_steps(done, step.step)
            show_next(step, pipeline, paths)
        except SharpcamError as error:  # the registry does not answer
            st.warning(as_text(error))
    st.subheader("Status")
    show_figures(pipeline, paths)
    doctor = "Looks at what is installed, and names a fix for what is missing. The answer stays in the history of jobs."
    if may_operate() and st.button("Check this machine", icon=":material/stethoscope:", help=doctor, key="doctor"):
        begin("doctor", paths)


def show_steps(done: set[str], step: str) -> None:
    """The whole way, ticked as far as it is done; `step` comes next."""
    with st.container(horizontal=True, gap="small", key="steps"):
        for name in STEPS:
            icon = DONE if name in done else NEXT if name == step else OPEN
            st.markdown(f"{icon} **{name}**" if name == step else f"{icon} {name}", width="content")


def show_next(step: Next, pipeline: Pipeline, paths: Paths) -> None:
    """The one next thing, with its button, and what the teacher in it will take."""
    with st.container(border=True, key="next"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(step.words, width="stretch")
            icon = ":material/arrow_forward:" if step.page else ":material/play_arrow:"
            if st.button(step.label, type="primary", icon=icon, key="next-button"):
                if step.page:
                    st.switch_page(f"pages/{step.page}")
                begin("repro", paths)
            if step.demo and st.button("Begin with the demo", help=DEMO, type="tertiary", key="demo-button"):
                begin("repro", paths)
        show_log(step.lines)
        if not step.page:
            show_cost(pipeline.plan("all", "", force=False), paths)
        if step.step == "Record":
            show_link("data.py", "Add a film or pictures that you have")


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
    return describe_student(evaluation)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


show_page(Paths())
