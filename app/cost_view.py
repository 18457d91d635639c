"""What a run will cost, before it is started: said where it is known, else a button that finds it out."""

from collections.abc import Iterable

import streamlit as st

from app.jobs.show import begin
from app.roles import may_operate
from app.stages import Stage
from app.text import as_text
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.forecast import in_a_sentence, known_forecast

TEACHER = "teacher"  # the stage that may take days


def show_cost(plan: Iterable[Stage], paths: Paths) -> None:
    """The teacher's hours and gigabytes; nothing where it would not run."""
    if TEACHER not in [stage.name for stage in plan]:
        return
    if known := known_forecast(paths, load_params(paths.params)):
        st.caption(as_text(in_a_sentence(known)))
    elif may_operate() and st.button(
        "Estimate the teacher's run", key="estimate", help="Tries the chain on a part of a frame."
    ):
        begin("forecast", paths)
