"""Page: the stages with their states and reasons, what a press would run, and the jobs."""

import streamlit as st

from app.cost_view import show_cost
from app.graph import as_html
from app.handed_on import handed_on
from app.jobs import jobs, unfinished
from app.jobs.show import begin, show_history, show_job, show_log
from app.learning import show_learning
from app.links import show_link
from app.roles import may_operate
from app.stages import Pipeline, Scope, Stage, arguments, dry_arguments, estimate, read_pipeline
from app.text import as_text
from app.whole_run import whole_run
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.progress import in_hours

TICK_S = 2.0
HISTORY = 20  # jobs listed before one asks for all
SCOPES: dict[Scope, str] = {"all": "All stages", "this": "Only this stage", "from": "From this stage on"}


def show_page(paths: Paths) -> None:
    """The graph and its buttons, the jobs that run or wait, the history."""
    st.title("Pipeline")
    active = unfinished(paths)
    st.fragment(show_stages, run_every=TICK_S)([job.number for job in active], paths)
    for job in active:
        with st.container(border=True, key=f"job-{job.number}"):
            show_job(job, paths)
    show_past(paths)


def show_stages(active: list[int], paths: Paths) -> None:
    """The graph, and what can be run; again every few seconds."""
    if [job.number for job in unfinished(paths)] != active:  # another tab started one
        st.rerun()
    try:
        pipeline = read_pipeline(paths)
    except SharpcamError as error:
        st.error(as_text(error))
        return
    st.html(as_html(pipeline, handed_on(paths)))
    show_whole_run(pipeline, paths)
    if pipeline.error:
        st.warning(
            f"DVC could not compare the files ({as_text(pipeline.error)}). What is shown rests on dvc.lock alone."
        )
    elif pipeline.checking:
        st.caption("Files are being compared; until that is done, the last known answer is shown.")
    for stage in pipeline.stages:
        if stage.state == "failed":
            st.error(f"{as_text(stage.name)} failed. Its last lines:")
            show_log(stage.last_lines)
    if may_operate():
        show_controls(pipeline, paths)


def show_whole_run(pipeline: Pipeline, paths: Paths) -> None:
    """One bar over all stages of the job at work, and, while it trains, a picture that sharpens epoch by epoch."""
    job = next((job for job in unfinished(paths, lane="pipeline") if job.state == "running"), None)
    if job is not None and (run := whole_run(job, pipeline, paths)):
        st.progress(run.share, text=run.describe())
    if any(stage.name == "train" and stage.state == "running" for stage in pipeline.stages):
        show_learning(paths)


def show_controls(pipeline: Pipeline, paths: Paths) -> None:
    """What to run, what that would be, and the buttons."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scope = st.segmented_control(
            "Run", list(SCOPES), default="all", required=True, format_func=SCOPES.__getitem__, key="scope"
        )
        names = [stage.name for stage in pipeline.stages]
        name = (
            st.selectbox("Stage", names, key="stage", persist_state="session", width=180)
            if scope != "all"
            else names[0]
        )
        force = st.toggle("Force", key="force", help="Run also what is fresh.")
    plan = pipeline.plan(scope, name, force=force)
    st.markdown(describe_plan(plan, pipeline, scope, name))
    show_cost(plan, paths)
    queued = bool(unfinished(paths, lane="pipeline"))
    with st.container(horizontal=True):
        label = "Queue" if queued else "Run"
        pressed = st.button(label, type="primary", icon=":material/play_arrow:", disabled=not plan, key="run")
        dry = st.button(
            "Dry run", icon=":material/visibility:", key="dry", help="DVC lists the commands, and runs none."
        )
        if not plan:
            show_link("live.py", "Look at your camera through it")
            show_link("models.py", "Compare and promote")
    if pressed or dry:
        begin("repro", paths, dry_arguments(plan) if dry else arguments(scope, name, force=force))


def describe_plan(plan: list[Stage], pipeline: Pipeline, scope: Scope, name: str) -> str:
    """What a press would run, and how long that takes."""
    if not plan:
        return "Nothing to do: everything is up to date. Turn on **Force** to run it anyway."
    first = plan[0]
    sentence = f"**Run** will execute **{', '.join(stage.name for stage in plan)}** ({estimate(plan)})."
    if scope != "all":
        by_name = {stage.name: stage for stage in pipeline.stages}
        old = [need for need in first.needs if by_name[need].state != "fresh"]
        if old:
            sentence += f" {name} would read what {', '.join(old)} left, which is not fresh."
    return sentence


def show_past(paths: Paths) -> None:
    """The jobs that are over."""
    st.subheader("History")
    past = [job for job in jobs(paths) if job.over]
    if not past:
        st.caption("No job yet. Each job stays here with its duration, exit status and full log, failed ones too.")
        return
    everything = len(past) > HISTORY and st.toggle(f"All {len(past)} jobs", key="all-jobs")
    show_history(past if everything else past[:HISTORY])
    st.caption(f"{in_hours(sum(job.seconds for job in past))} of work in all.")


show_page(Paths())
