"""Page: the last evaluation of the student, in words, numbers and pictures."""

import csv
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pipeline.errors import SharpcamError
from pipeline.files import read_json
from pipeline.paths import Paths

MEASURES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "l1": "L1"}
PLOTS = {"psnr": "PSNR against the teacher (dB)", "loss": "L1 loss"}


def show_page(paths: Paths) -> None:
    """The whole page; where there is nothing yet, what to do."""
    st.title("How good is the student?")
    try:
        evaluation = read_json(paths.evaluation, made_by="evaluate")
        show_verdict(evaluation)
        st.dataframe(as_rows(evaluation["methods"]), hide_index=True)
    except SharpcamError as error:
        st.info(f'{error} "make run" does the whole way.')
        return
    except (KeyError, TypeError):
        st.error(f'{paths.evaluation} is no evaluation. Run "dvc repro evaluate" again.')
        return
    show_speed(paths)
    show_curves(paths)
    show_samples(paths)


def show_verdict(evaluation: dict[str, Any]) -> None:
    """The gate's answer first, the other sentences below it."""
    first, *others = evaluation["verdict"]
    (st.success if evaluation["gate"]["passed"] else st.warning)(first)
    for sentence in others:
        st.write(sentence)
    st.caption(f"Measured on {evaluation['frames']} whole frames that trained nothing.")


def as_rows(methods: dict[str, dict[str, dict[str, float]]]) -> list[dict[str, Any]]:
    """One row for each method and what it is compared with, the best first."""
    rows = [
        {"against": reference, "method": method} | {MEASURES[name]: values[name] for name in MEASURES}
        for method, references in methods.items()
        for reference, values in references.items()
    ]
    return sorted(rows, key=lambda row: (row["against"], -row[MEASURES["psnr"]]))


def show_speed(paths: Paths) -> None:
    """Milliseconds a frame, where they were measured."""
    if not paths.speed.exists():
        return
    speed = read_json(paths.speed, made_by="evaluate")
    for column, (method, milliseconds) in zip(
        st.columns(len(speed["median_ms"])), speed["median_ms"].items(), strict=True
    ):
        column.metric(f"{method}, a frame", f"{milliseconds:.1f} ms")


def show_curves(paths: Paths) -> None:
    """Loss and PSNR over the epochs of the last training."""
    if not paths.training_log.exists():
        return
    with paths.training_log.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for column, (measure, title) in zip(st.columns(len(PLOTS)), PLOTS.items(), strict=True):
        figure = go.Figure(layout={"title": title, "xaxis_title": "epoch", "height": 320})
        for part, words in (("train", "training crops"), ("val", "validation frames")):
            values = [float(row[f"{part}_{measure}"]) for row in rows]
            figure.add_scatter(x=[int(row["epoch"]) for row in rows], y=values, name=words, mode="lines+markers")
        column.plotly_chart(figure, key=f"curve-{measure}")


def show_samples(paths: Paths) -> None:
    """Pictures side by side: the numbers are only as good as they look."""
    for picture in sorted(paths.samples.glob("*.png")):
        st.image(str(picture), width="stretch")


show_page(Paths())
