"""The curves of runs over their epochs, beside what bicubic gives."""

import string
from functools import partial

import plotly.colors
import plotly.graph_objects as go
import streamlit as st

from app.runs.naming import decibels, short_names
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.tracking.past_runs import Curve, PastRun, curves
from pipeline.tracking.run import VALIDATION_TAG

COLOURS = plotly.colors.qualitative.D3
TITLES = {"loss": "L1 loss", "psnr": "PSNR against the teacher (dB)"}
MEASURE_OF = {"loss": "l1", "psnr": "psnr"}  # in the evaluation
PARTS = {"val": ("validation frames", "solid"), "train": ("training crops", "dot")}  # name, line


def show_curves(chosen: list[PastRun], paths: Paths) -> None:
    """L1 and PSNR over the epochs; bicubic as a dashed line. Zoom stays while they grow.

    Only runs that validated on the same frames share a y-axis.
    """
    st.subheader("Curves")
    try:
        found = {run.id: waited_for(partial(curves, run, paths), words="Reading curves…") for run in chosen}
    except SharpcamError as error:
        st.warning(as_text(error))
        return
    groups = by_validation(chosen)
    for number, group in enumerate(groups):
        if len(groups) > 1:
            st.markdown(f"**Validation frames {string.ascii_uppercase[number % 26]}**")
        for column, measure in zip(st.columns(2), TITLES, strict=True):
            key = f"curve-{measure}-{number}" if number else f"curve-{measure}"
            column.plotly_chart(figure(group, found, measure), key=key, theme="streamlit")
    if len(groups) > 1:
        st.caption(
            "These runs validated on different frames, so that their curves cannot be compared and have axes of their "
            "own. The comparison on the same frames is above."
        )
    st.caption("Solid: whole validation frames. Dotted: training crops. Dashed: bicubic on the validation frames.")


def by_validation(chosen: list[PastRun]) -> list[list[PastRun]]:
    """The runs that validated on the same frames, together: by their hash, where all have it, else by their data."""
    hashed = all(VALIDATION_TAG in run.tags for run in chosen)
    groups: dict[str, list[PastRun]] = {}
    for run in chosen:
        groups.setdefault(run.tags[VALIDATION_TAG] if hashed else data_of(run), []).append(run)
    return list(groups.values())


def data_of(run: PastRun) -> str:
    """The versions of all its data; a run of an older version has no hash of its validation frames."""
    return " ".join(f"{name}={value}" for name, value in sorted(run.tags.items()) if name.startswith("dvc."))


def figure(chosen: list[PastRun], found: dict[str, dict[str, Curve]], measure: str) -> go.Figure:
    """One measure of all chosen runs."""
    drawn = go.Figure(
        layout={
            "title": TITLES[measure],
            "xaxis_title": "epoch",
            "height": 360,
            "uirevision": measure,
            "legend": {"orientation": "h", "y": -0.3},
        }
    )
    names = short_names(chosen)
    for index, run in enumerate(chosen):
        colour = COLOURS[index % len(COLOURS)]
        for part, (words, dash) in PARTS.items():
            curve = found[run.id].get(f"{part}_{measure}", [])
            drawn.add_scatter(
                x=[epoch for epoch, _ in curve],
                y=[value for _, value in curve],
                name=f"{names[run.id]}{decibels(run)}" if part == "val" else words,
                showlegend=part == "val",
                mode="lines+markers" if len(curve) < 30 else "lines",
                line={"color": colour, "dash": dash},
                legendgroup=run.id,
            )
    for value in sorted({value for run in chosen if (value := bicubic(run, measure)) is not None}):
        drawn.add_hline(y=value, line={"dash": "dash", "color": "gray"}, annotation_text="bicubic")
    return drawn


def bicubic(run: PastRun, measure: str) -> float | None:
    """What bicubic gives: as evaluated, else as the training found at its start."""
    at_start = run.metrics.get(f"bicubic_{measure}")
    return run.metrics.get(f"evaluation.bicubic.teacher.{MEASURE_OF[measure]}", at_start)
