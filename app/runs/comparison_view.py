"""The compared runs on the same frames: figures, and pictures where a run has none of them."""

from collections.abc import Iterable
from pathlib import Path

import streamlit as st

from app.compared import common_results, show_compared
from app.runs.naming import short_names
from app.runs.pictures_view import BEST, COMMON, CommonPictures
from app.waiting import waited_for
from pipeline.compare.contenders import of_run
from pipeline.compare.frames import Place
from pipeline.compare.results import BICUBIC, TEACHER, TRUTH, Results
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.tracking import registry
from pipeline.tracking.past_runs import PastRun


def compare(chosen: list[PastRun], paths: Paths) -> CommonPictures:
    """Their figures on the page, and the pictures that the comparison made. A run that still trains has no student."""
    st.subheader("On the same frames")
    names, registered = short_names(chosen), versions_known(paths)
    contenders = {run.id: of_run(run, registered, paths) for run in chosen if run.status != "RUNNING"}
    titled = {names[run_id]: contender for run_id, contender in contenders.items()}
    if not titled:
        st.info("A run can be compared once it has ended.")
        return {}
    if (results := common_results(titled, paths)) is None:
        return {}
    show_compared(titled, results, paths)
    shown = results.frames.shown
    found = {COMMON: {place.name: present(results, place, (BICUBIC, TEACHER, TRUTH)) for place in shown}}
    for run_id, contender in contenders.items():
        made = {place.name: results.picture(place, contender.key) for place in shown}
        found[run_id] = {frame: {BEST: file} for frame, file in made.items() if file.exists()}
    return found


def present(results: Results, place: Place, titles: Iterable[str]) -> dict[str, Path]:
    """Those of the pictures of a frame that there are."""
    return {title: file for title in titles if (file := results.picture(place, title)).exists()}


def versions_known(paths: Paths) -> list[registry.Version]:
    """The registered versions; none where the registry does not answer, which is said above."""
    try:
        return waited_for(lambda: registry.versions(paths), words="Reading the registry…")
    except SharpcamError:
        return []
