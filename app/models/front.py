"""Speed over quality in one plot, with the line of those that no other beats in both."""

import math
from typing import Any

import plotly.graph_objects as go
import streamlit as st

MARGIN = 0.25  # decades beside the points


def show_front(points: list[dict[str, Any]], reference: str, *, key: str, floor: float | None = None) -> None:
    """Quality over time a frame; the line joins what nothing else beats in both. `floor` is bicubic's, if known."""
    if not points:
        return
    axes = {"xaxis_title": "ms a frame, uint8 to uint8", "yaxis_title": f"PSNR against the {reference} (dB)"}
    figure = go.Figure(layout={**axes, "height": 420, "uirevision": key})
    ends = [math.log10(point["ms"]) for point in points]
    figure.update_xaxes(type="log", range=[min(ends) - MARGIN, max(ends) + MARGIN])  # room for the names
    front = pareto(points)
    figure.add_scatter(
        x=[point["ms"] for point in front],
        y=[point["psnr"] for point in front],
        name="Pareto front",
        mode="lines",
        line={"dash": "dot", "color": "gray"},
    )
    for engine in dict.fromkeys(point["engine"] for point in points):
        of_engine = [point for point in points if point["engine"] == engine]
        figure.add_scatter(
            x=[point["ms"] for point in of_engine],
            y=[point["psnr"] for point in of_engine],
            text=[point["name"] for point in of_engine],
            name=engine,
            mode="markers+text",
            textposition="top center",
        )
    if floor is not None:
        figure.add_hline(y=floor, line={"dash": "dash", "color": "gray"}, annotation_text="bicubic")
    st.plotly_chart(figure, key=key)


def pareto(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that no other is as quick as and better than, the quickest first."""
    front: list[dict[str, Any]] = []
    for point in sorted(points, key=lambda point: (point["ms"], -point["psnr"])):
        if not front or point["psnr"] > front[-1]["psnr"]:
            front.append(point)
    return front
