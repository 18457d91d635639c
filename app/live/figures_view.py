"""The figures of the player over the last minutes, plotted."""

import time
from collections import deque
from typing import Any

import plotly.graph_objects as go
import streamlit as st

REPORTS = 150  # of two seconds each
PLOT_PX = 230


def show_figures(report: dict[str, Any] | None) -> None:
    """What the player measured over the last minutes."""
    reports: deque[tuple[float, dict[str, Any]]] = st.session_state.setdefault("live_reports", deque(maxlen=REPORTS))
    if report and report["fps"] and (not reports or reports[-1][1] != report):
        reports.append((time.time(), report))
    if not reports:
        st.caption("Start the camera or the sample, and its figures are plotted here.")
        return
    newest, last = reports[-1]
    figures = {"Frames a second": f"{last['fps']:.1f}", "Latency, p50": f"{last['p50_ms']:.0f} ms"}
    figures |= {"Latency, p95": f"{last['p95_ms']:.0f} ms", "Dropped frames": f"{last['dropped']}"}
    for column, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(label, value)
    ages_s = [then - newest for then, _ in reports]
    pace = {"fps": [one["fps"] for _, one in reports]}
    parts = {part: [one["parts"][part] for _, one in reports] for part in last["parts"]}
    left, right = st.columns(2)
    left.plotly_chart(_plot("Frames a second", ages_s, pace), key="live-pace")
    right.plotly_chart(_plot("Milliseconds a frame", ages_s, parts, stackgroup="parts"), key="live-parts")


def _plot(title: str, ages_s: list[float], lines: dict[str, list[float]], **style: str) -> go.Figure:
    margin = {"t": 40, "b": 40, "l": 40, "r": 10}
    figure = go.Figure(layout={"title": title, "height": PLOT_PX, "margin": margin, "xaxis_title": "seconds"})
    for name, values in lines.items():
        figure.add_scatter(x=ages_s, y=values, name=name, mode="lines", **style)
    return figure.update_yaxes(rangemode="tozero")
