"""Page: the trainings, compared; pictures first, then curves, parameters and where each comes from."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import plotly.colors
import plotly.graph_objects as go
import streamlit as st

from app import lineage
from app.compare import show_slider
from app.data.versions import current
from app.waiting import waited_for
from pipeline import registry
from pipeline.errors import SharpcamError
from pipeline.frames import read_frame
from pipeline.paths import Paths
from pipeline.runs import Curve, PastRun, all_runs, curves, last_known_runs, link, pictures
from pipeline.tracking import stamp, tracking_uri

MOST_COMPARED = 6
REFRESH_S = 5  # while something trains
NOTICE_S = 10  # until it is noticed that something begins to, or ended
FIRST_COLUMNS = ["model", "status", "best PSNR", "above bicubic", "started", "train.epochs", "minutes"]
MEASURES: dict[str, Callable[[PastRun], float | None]] = {
    "best PSNR": lambda run: run.best_psnr,
    "above bicubic": lambda run: _above_bicubic(run),
    "PSNR to truth": lambda run: run.metrics.get("evaluation.student.truth.psnr"),
    "SSIM": lambda run: run.metrics.get("evaluation.student.teacher.ssim"),
    "flicker": lambda run: run.metrics.get("evaluation.student.truth.flicker"),
    "minutes": lambda run: round((run.ended_ms - run.started_ms) / 60_000, 1) if run.ended_ms else None,
}
ORDERS: dict[str, Callable[[PastRun], Any]] = {
    "best PSNR first": lambda run: -(run.best_psnr or 0.0),
    "newest first": lambda run: -run.started_ms,
    "quickest first": lambda run: (run.ended_ms or float("inf")) - run.started_ms,
}
COLOURS = plotly.colors.qualitative.D3
TITLES = {"loss": "L1 loss", "psnr": "PSNR against the teacher (dB)"}
MEASURE_OF = {"loss": "l1", "psnr": "psnr"}  # in the evaluation
PARTS = {"val": ("validation frames", "solid"), "train": ("training crops", "dot")}  # name, line
ERROR_GAIN = 8


def show_page(paths: Paths) -> None:
    """The whole page, repeated while something trains, and drawn anew when that begins or ends."""
    st.title("Runs")
    written = stamp()
    training = something_trains(paths)
    st.fragment(show_runs, run_every=REFRESH_S if training else None)(paths)
    st.fragment(notice, run_every=NOTICE_S)(training, written, paths)


def something_trains(paths: Paths) -> bool:
    """Whether a run is at work."""
    with suppress(SharpcamError):  # which is said where the runs are shown
        runs = waited_for(lambda: all_runs(paths), words="Reading the runs…")
        return any(run.status == "RUNNING" for run in runs)
    return False


def notice(training: bool, written: str | None, paths: Paths) -> None:
    """Draw the page anew once it is no longer so that something is `training`, or nothing.

    A SQLite store is asked only where it is another one than was `written` then; a server always.
    """
    untouched = written is not None and stamp() == written
    if not untouched and something_trains(paths) != training:
        st.rerun()


def read_runs(paths: Paths) -> list[PastRun]:
    """The runs, or those last known beside a sentence on why."""
    try:
        return waited_for(lambda: all_runs(paths), words="Reading the runs…")
    except SharpcamError as error:
        known = last_known_runs(paths)
        st.warning(f"{error}" + (" Shown is what was last known." if known else ""))
        return known


def show_runs(paths: Paths) -> None:
    """Table, choice and comparison; where there is nothing yet, what to do."""
    runs = read_runs(paths)
    if not runs:
        st.info('No training was tracked yet. Run the pipeline ("make repro", or the page Pipeline), then come back.')
        return
    found = show_table(runs)
    chosen = choose(runs, found)
    if not chosen:
        st.info("Choose the runs to compare.")
        return
    show_pictures(chosen, paths)
    show_curves(chosen, paths)
    show_differences(chosen)
    show_lineage(chosen, paths)


def show_table(runs: list[PastRun]) -> list[PastRun]:
    """Searched, in the order and with the columns the viewer likes; gives the runs that were found."""
    params = sorted({name for run in runs for name in run.params})
    search, order, columns = st.columns([2, 1, 2])
    text = search.text_input(
        "Search", key="search", bind="query-params", placeholder="name, parameter=value, commit, …"
    )
    by = order.selectbox("Order", list(ORDERS), key="order", bind="query-params", persist_state="session")
    shown = columns.multiselect(
        "Columns",
        [*FIRST_COLUMNS[:2], "started", "commit", *MEASURES, *params],
        default=[name for name in FIRST_COLUMNS if name in (*MEASURES, *params, "model", "status", "started")],
        key="columns",
        bind="query-params",
        persist_state="session",
    )
    found = sorted((run for run in runs if matches(run, text)), key=ORDERS[by])
    st.dataframe(
        [{"run": run.name} | {name: cell(run, name) for name in shown} for run in found],
        hide_index=True,
        placeholder="-",
        column_config={"started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")},
    )
    st.caption(f"{len(found)} of {len(runs)} runs. A click on a column's head sorts by it.")
    return found


def matches(run: PastRun, text: str) -> bool:
    """Whether every word of `text` is somewhere in the run."""
    about = [run.name, run.id, run.status, *run.tags.values(), *(f"{name}={run.params[name]}" for name in run.params)]
    everything = "\n".join(about).lower()
    return all(word in everything for word in text.lower().split())


def cell(run: PastRun, column: str) -> Any:
    """What stands in a column."""
    if column in MEASURES:
        return MEASURES[column](run)
    known = {"model": run.params.get("train.model", ""), "status": run.status.lower(), "started": started(run)}
    known["commit"] = run.tags.get("git.commit", "")[:8]
    return known.get(column, run.params.get(column, ""))


def _above_bicubic(run: PastRun) -> float | None:
    student = run.metrics.get("evaluation.student.teacher.psnr", run.best_psnr)
    other = bicubic(run, "psnr")
    return None if student is None or other is None else round(student - other, 2)


def started(run: PastRun) -> datetime:
    """When the run was begun, in the server's time."""
    return datetime.fromtimestamp(run.started_ms // 1000)


def choose(runs: list[PastRun], found: list[PastRun]) -> list[PastRun]:
    """The runs that are compared: at first the first two that were found."""
    known = {run.id: run for run in runs}
    first = [run.id for run in found if run.best_psnr is not None][:2]
    options = [run.id for run in found] + [run.id for run in runs if run not in found]
    ids = st.multiselect(
        "Compare",
        options,
        default=first,
        format_func=lambda run_id: label(known[run_id]) if run_id in known else f"deleted ({run_id[:4]})",
        max_selections=MOST_COMPARED,
        key="runs",
        bind="query-params",
        persist_state="session",
    )
    return [known[run_id] for run_id in ids if run_id in known]  # one may have been deleted outside


def label(run: PastRun) -> str:
    """A run in a few words that no other run has, and that stay the same while it trains."""
    return f"{run.name} · {started(run):%d %b %H:%M} · {run.id[:4]}"


def _decibels(run: PastRun) -> str:
    return "" if run.best_psnr is None else f" · {run.best_psnr:.2f} dB"


def show_pictures(chosen: list[PastRun], paths: Paths) -> None:
    """The same cut-outs across runs, or across the epochs of one, under one zoom."""
    st.subheader("Pictures")
    try:
        found = {run.id: waited_for(partial(pictures, run, paths), words="Fetching pictures…") for run in chosen}
    except SharpcamError as error:
        st.warning(str(error))
        return
    frames = sorted({frame for frames in found.values() for frame in frames})
    if not frames:
        st.info("These runs have no pictures: they were stopped before their first epoch, or their files are gone.")
        return
    frame_box, across_box, error_box = st.columns([2, 2, 1], vertical_alignment="bottom")
    frame = frame_box.selectbox("Frame", frames, key="frame", bind="query-params")
    across = across_box.selectbox(
        "Side by side",
        ["best", *(run.id for run in chosen)],
        format_func=lambda which: (
            "the best epoch of each run" if which == "best" else f"epochs of {name_of(which, chosen)}"
        ),
        key="across",
    )
    errors = error_box.toggle(
        "Error map", key="errors", bind="query-params", help=f"|student - teacher|, {ERROR_GAIN} times"
    )
    shown = across_runs(chosen, found, frame) if across == "best" else across_epochs(found[across].get(frame, {}))
    if errors:
        shown |= error_maps(shown)
    show_slider(shown, key="pictures", grid=True)


def name_of(run_id: str, chosen: list[PastRun]) -> str:
    return label(next(run for run in chosen if run.id == run_id))


def across_runs(
    chosen: list[PastRun], found: dict[str, dict[str, dict[str, Path]]], frame: str
) -> dict[str, Path | bytes]:
    """bicubic, the student of each run, the teacher."""
    shown: dict[str, Path | bytes] = {}
    references: dict[str, Path] = {}
    for run in chosen:
        of_run = found[run.id].get(frame, {})
        references |= {title: of_run[title] for title in ("bicubic", "teacher") if title in of_run}
        epochs = sorted(title for title in of_run if title.startswith("epoch"))
        if best := of_run.get("best") or of_run.get(epochs[-1] if epochs else ""):
            shown[f"{run.id[:4]}{_decibels(run)}"] = best
    ordered: dict[str, Path | bytes] = {"bicubic": references["bicubic"]} if "bicubic" in references else {}
    return ordered | shown | ({"teacher": references["teacher"]} if "teacher" in references else {})


def across_epochs(of_run: dict[str, Path]) -> dict[str, Path | bytes]:
    """bicubic, each epoch that was kept, the best one, the teacher."""
    epochs = sorted(title for title in of_run if title.startswith("epoch"))
    order = ["bicubic", *epochs, "best", "teacher"]
    return {title.replace("-", " ").replace(" 0", " ").strip(): of_run[title] for title in order if title in of_run}


def error_maps(shown: dict[str, Path | bytes]) -> dict[str, Path | bytes]:
    """How far each picture is from the teacher's; it is said of which that cannot be told."""
    teacher = shown.get("teacher")
    maps: dict[str, Path | bytes] = {}
    if not isinstance(teacher, Path):
        return maps
    for title, picture in shown.items():
        if title == "teacher" or not isinstance(picture, Path):
            continue
        try:
            maps[f"error of {title}"] = error_map(picture, teacher)
        except SharpcamError as error:
            st.caption(f"No error map of {title}: {error}")
    return maps


@st.cache_data(max_entries=200, show_spinner=False)
def error_map(picture: Path, reference: Path) -> bytes:
    """The mean difference over the channels, enlarged ERROR_GAIN times, in colours, as PNG. Raises SharpcamError."""
    ours, theirs = read_frame(picture), read_frame(reference)
    if ours.shape != theirs.shape:
        raise SharpcamError("its geometry is another one than the teacher's picture has. Compare runs of one geometry.")
    difference = cv2.absdiff(ours, theirs).mean(axis=2) * ERROR_GAIN
    coloured = cv2.applyColorMap(difference.clip(0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return bytes(cv2.imencode(".png", coloured)[1])


def show_curves(chosen: list[PastRun], paths: Paths) -> None:
    """L1 and PSNR over the epochs; bicubic as a dashed line. Zoom stays while they grow."""
    st.subheader("Curves")
    try:
        found = {run.id: waited_for(partial(curves, run, paths), words="Reading curves…") for run in chosen}
    except SharpcamError as error:
        st.warning(str(error))
        return
    for column, measure in zip(st.columns(2), TITLES, strict=True):
        column.plotly_chart(figure(chosen, found, measure), key=f"curve-{measure}", theme="streamlit")
    st.caption("Solid: whole validation frames. Dotted: training crops. Dashed: bicubic on the validation frames.")


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
    for index, run in enumerate(chosen):
        colour = COLOURS[index % len(COLOURS)]
        for part, (words, dash) in PARTS.items():
            curve = found[run.id].get(f"{part}_{measure}", [])
            drawn.add_scatter(
                x=[epoch for epoch, _ in curve],
                y=[value for _, value in curve],
                name=f"{label(run)}{_decibels(run)}" if part == "val" else words,
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


def show_differences(chosen: list[PastRun]) -> None:
    """The parameters in which the runs differ."""
    st.subheader("Parameters")
    names = sorted({name for run in chosen for name in run.params})
    rows = [{"parameter": name} | {label(run): run.params.get(name, "-") for run in chosen} for name in names]
    differing = [row for row in rows if len(set(list(row.values())[1:])) > 1]
    if len(chosen) > 1 and not differing:
        st.write("These runs have the same parameters.")
    st.dataframe(differing if len(chosen) > 1 and differing else rows, hide_index=True)


def show_lineage(chosen: list[PastRun], paths: Paths) -> None:
    """Back to commit and data, on to the registered student; and how to make each run again."""
    st.subheader("Where they come from")
    here = data_here(paths)
    ui = lineage.mlflow_ui(paths, tracking_uri())
    try:
        versions = waited_for(lambda: registry.versions(paths), words="Reading the registry…")
    except SharpcamError:
        versions = []  # said above already
    for run in chosen:
        with st.expander(label(run)):
            show_origin(run, here)
            made = [version for version in versions if version.run_id == run.id]
            for version in made:
                st.write(f"Registered as version {version.number} of {registry.NAME} {' '.join(version.aliases)}")
            if ui:
                st.link_button("This run in the MLflow UI", link(run, ui), icon=":material/open_in_new:")
            st.caption("What reproduces it, typed in the project's folder:")
            st.code("\n".join(lineage.commands(run, paths)) or "# the run names no commit", language="sh")


def data_here(paths: Paths) -> dict[str, str]:
    """Data set -> its version in dvc.lock; none where that is broken, which is said."""
    try:
        return {path: out["md5"] for path, out in current(paths).items()}
    except SharpcamError as error:
        st.warning(str(error))
        return {}


def show_origin(run: PastRun, here: dict[str, str]) -> None:
    """Commit and data versions, and whether the data are those that are here now."""
    commit = run.tags.get("git.commit", "not known")
    changed = " with changes that were not committed" if run.tags.get("git.dirty") == "true" else ""
    st.markdown(f"Commit `{commit}`{changed}")
    rows = [
        {"data": name, "version": value, "here now": "the same" if here.get(name) == value else "another version"}
        for name, value in lineage.data_of(run).items()
    ]
    if rows:
        st.dataframe(rows, hide_index=True)


show_page(Paths())
