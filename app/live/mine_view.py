"""On the page Live: how the student of the viewer's own camera comes about, and whether to keep it."""

from collections.abc import Collection
from functools import partial

import streamlit as st

from app.dvc_files import recipes
from app.evaluation import read_evaluation
from app.jobs import Job
from app.jobs.show import begin, show_bar, show_buttons, show_log
from app.links import show_link
from app.live.mine import RUN, Entry, Mine, job_of, pair, settle
from app.roles import may_operate, operators_only
from app.text import as_text
from app.waiting import waited_for
from pipeline import promote
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.student.catalogue import float_sha256, read_contract
from pipeline.tracking import registry
from pipeline.tracking.registry import CHAMPION, Version

TICK_S = 2.0
DECIDED = "mine-decided"  # in the session: what was decided, in a sentence, and whether it was kept
LAST_LINES = 8
ENDS = {"done": "gave the same student", "cancelled": "was stopped", "killed": "was stopped"}  # by the job's state


def show_mine(mine: Mine | None, models: Collection[Entry], paths: Paths) -> None:
    """The run, what came of it, or what was decided; nothing where nothing was asked for.

    Each a fragment: a press in it ends in a whole run of the page, which leaves the camera on.
    """
    if decided := st.session_state.get(DECIDED):
        show_decided(*decided)
    job = job_of(mine, paths) if mine else None
    if mine is None or job is None:
        return
    with st.container(border=True, key="mine"):
        if not job.over:
            st.fragment(show_run, run_every=TICK_S)(mine, paths)
        elif found := pair(mine, models, paths):
            st.fragment(show_result)(mine, found, models, paths)
        else:
            st.fragment(show_failure)(mine, job, paths)


def show_run(mine: Mine, paths: Paths) -> None:
    """How far it is; the whole page runs again when it is over."""
    job = job_of(mine, paths)
    if job is None or job.over:
        st.rerun()
    stages, stage = list(recipes(paths)), job.standing.stage
    if job.state == "queued":
        step = "It waits for what runs on the page Pipeline."
    elif stage in stages:
        step = f"Step {stages.index(stage) + 1} of {len(stages)}: {stage}."
    else:
        step = "It begins."
    st.markdown(f"**Your camera is being learned.** {as_text(step)}")
    show_bar(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        show_buttons(job)
        show_link("data.py", "See your clips")
        show_link("pipeline.py", "All stages and the log")
    st.caption("You may close this page: the run goes on, and its result waits here.")


def show_failure(mine: Mine, job: Job, paths: Paths) -> None:
    """Why there is no new student, and what to do."""
    words = (
        "was stopped"
        if job.state in ("cancelled", "killed")
        else "failed"
        if job.state != "done"
        else "changed nothing"
    )
    st.markdown(f"**Learning your camera {words}.** Your clips are kept, and a run goes on where this one ended.")
    if job.state != "done":
        show_log("\n".join(job.tail().rstrip().splitlines()[-LAST_LINES:]))
    with st.container(horizontal=True, vertical_alignment="center"):
        if may_operate() and st.button("Run it again", type="primary", icon=":material/play_arrow:", key="mine-again"):
            begin(RUN, paths)
        if may_operate() and st.button("Close", key="mine-close"):
            settle(mine, paths)
            st.rerun()
        show_link("pipeline.py", "All stages and the log")
        show_link("data.py", "See your clips")


def show_result(mine: Mine, found: tuple[str, str], models: Collection[Entry], paths: Paths) -> None:
    """Both students are in the picture below: what was measured, and the question."""
    titles = {model["name"]: model["title"] for model in models}
    before, after = (titles.get(name, "Bicubic") for name in found)
    evaluation = read_evaluation(paths)
    st.markdown(f"**Your student is ready.** Left: before ({as_text(before)}). Right: after ({as_text(after)}).")
    if evaluation:
        st.caption(as_text(evaluation["verdict"][0]))
    with st.container(horizontal=True, vertical_alignment="center"):
        if may_operate():
            show_choice(mine, found, paths)
        show_link("models.py", "Compare in figures")


def show_choice(mine: Mine, found: tuple[str, str], paths: Paths) -> None:
    """The two answers to the question."""
    try:
        offer_to_keep(mine, paths)
    except SharpcamError as error:
        st.warning(as_text(error))
    if st.button("Go on as before", key="mine-leave"):
        settle(mine, paths)
        choose(found[0], "bicubic")
        said = "Everything is as it was. Your student stays on the page Models. More clips, or more epochs, help."
        st.session_state[DECIDED] = (said, False)
        st.rerun()


def offer_to_keep(mine: Mine, paths: Paths) -> None:
    """The button, and an objection where there is one. Raises SharpcamError where the registry does not answer."""
    version, champion = waited_for(partial(registered, paths), words="Reading the registry…")
    reason = promote.objection(version, champion)
    label, kind = ("Keep it all the same", "secondary") if reason else ("Keep it", "primary")
    if st.button(label, type=kind, icon=":material/check:", help=reason or None, key="mine-keep"):  # type: ignore[arg-type]
        keep(mine, version, paths)


def registered(paths: Paths) -> tuple[Version, Version | None]:
    """The project's newest student as a version, and the champion. Raises SharpcamError where it is not registered."""
    made, versions = float_sha256(read_contract(paths.contract)), registry.versions(paths)
    version = next((version for version in versions if version.onnx_sha256 == made), None)
    if version is None:
        raise SharpcamError('Your student is not registered yet. Run "make repro" to register it.')
    return version, registry.holder(CHAMPION, versions)


@operators_only
def keep(mine: Mine, version: Version, paths: Paths) -> None:
    """Make the new student the one in use."""
    try:
        said = waited_for(
            partial(promote.promote, str(version.number), paths, force=True), words="Telling the registry…"
        )
    except SharpcamError as error:
        st.error(as_text(error))
        return
    settle(mine, paths)
    choose(CHAMPION, "bicubic")
    st.session_state[DECIDED] = (f"It is yours: Live, Enhance and Home use it from now on. {said}", True)
    st.rerun()


def choose(model: str, compared: str) -> None:
    """Have the player show these two from the next run on."""
    pair = {"model": model, "compareWith": compared, "view": "split"}
    st.session_state.setdefault("live_settings", {}).update(pair)
    st.query_params.update(pair)


def show_decided(said: str, kept: bool) -> None:
    """What was decided, and where to go on."""
    with st.container(border=True, key="mine-decided"):
        (st.success if kept else st.info)(as_text(said))
        with st.container(horizontal=True, vertical_alignment="center"):
            if kept:
                show_link("enhance.py", "Enhance pictures and videos with it")
                show_link("home.py", "See it on Home")
            else:
                show_link("parameters.py", "Train longer")
                show_link("models.py", "Models")
