"""Page: the trainings, compared; pictures first, then curves, parameters and where each comes from."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import streamlit as st

from app import lineage
from app.cameras import camera_columns
from app.data.versions import current
from app.links import show_link
from app.roles import may_operate
from app.runs.comparison_view import compare, versions_known
from app.runs.curves_view import bicubic, show_curves
from app.runs.naming import label, started
from app.runs.pictures_view import show_pictures
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.meaning import describe_margin
from pipeline.core.paths import Paths
from pipeline.tracking import registry
from pipeline.tracking.client import stamp, tracking_uri
from pipeline.tracking.figures import CAMERA_PREFIX
from pipeline.tracking.past_runs import PastRun, all_runs, last_known_runs, link

MOST_COMPARED = 6
REFRESH_S = 5  # while something trains
NOTICE_S = 10  # until it is noticed that something begins to, or ended
FIRST_COLUMNS = ["model", "status", "best PSNR", "above bicubic", "is", "started", "train.epochs", "minutes"]
MEASURES: dict[str, Callable[[PastRun], float | str | None]] = {
    "best PSNR": lambda run: run.best_psnr,
    "above bicubic": lambda run: _above_bicubic(run),
    "is": lambda run: None if (margin := _margin(run)) is None else describe_margin(margin),
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
        st.warning(f"{as_text(error)}" + (" Shown is what was last known." if known else ""))
        return known


def show_runs(paths: Paths) -> None:
    """Table, choice and comparison; where there is nothing yet, what to do."""
    runs = read_runs(paths)
    if not runs:
        st.info("No training was tracked yet. A run of the pipeline is one.")
        show_link("pipeline.py", "Run the pipeline")
        return
    found = show_table(runs)
    chosen = choose(runs, found)
    if not chosen:
        st.info("Choose the runs to compare.")
        return
    show_pictures(chosen, compare(chosen, paths), paths)
    show_curves(chosen, paths)
    show_differences(chosen)
    show_lineage(chosen, paths)


def show_table(runs: list[PastRun]) -> list[PastRun]:
    """Searched, in the order and with the columns the viewer likes; gives the runs that were found."""
    params = sorted({name for run in runs for name in run.params})
    cameras = camera_columns(run.metrics for run in runs)
    search, order, columns = st.columns([2, 1, 2])
    text = search.text_input(
        "Search", key="search", bind="query-params", placeholder="name, parameter=value, commit, …"
    )
    by = order.selectbox("Order", list(ORDERS), key="order", bind="query-params", persist_state="session")
    shown = columns.multiselect(
        "Columns",
        [*FIRST_COLUMNS[:2], *cameras, "started", "commit", *MEASURES, *params],
        default=first_columns(cameras, params),
        key="columns",
        bind="query-params",
        persist_state="session",
    )
    found = sorted((run for run in runs if matches(run, text)), key=ORDERS[by])
    st.dataframe(
        [{"run": run.name} | {name: cell(run, cameras.get(name, name)) for name in shown} for run in found],
        hide_index=True,
        placeholder="-",
        column_config={"started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")}
        | dict.fromkeys(("best PSNR", "PSNR to truth", *cameras), st.column_config.NumberColumn(format="%.2f")),
    )
    st.caption(
        f"{len(found)} of {len(runs)} runs. Click a column header to sort. PSNR is on each run's own validation "
        "frames; runs that are compared below are measured on the same ones."
    )
    return found


def first_columns(cameras: Iterable[str], params: list[str]) -> list[str]:
    """The columns at first; the figures of each camera stand before those of all frames."""
    named, *others = (name for name in FIRST_COLUMNS if name in (*MEASURES, *params, "model", "status", "started"))
    return [named, *cameras, *others]


def matches(run: PastRun, text: str) -> bool:
    """Whether every word of `text` is somewhere in the run."""
    about = [run.name, run.id, run.status, *run.tags.values(), *(f"{name}={run.params[name]}" for name in run.params)]
    everything = "\n".join(about).lower()
    return all(word in everything for word in text.lower().split())


def cell(run: PastRun, column: str) -> Any:
    """What stands in a column, by its title, or that of a camera by its metric."""
    if column.startswith(CAMERA_PREFIX):
        return run.metrics.get(column)
    if column in MEASURES:
        return MEASURES[column](run)
    known = {"model": run.params.get("train.model", ""), "status": run.status.lower(), "started": started(run)}
    known["commit"] = run.tags.get("git.commit", "")[:8]
    return known.get(column, run.params.get(column, ""))


def _above_bicubic(run: PastRun) -> float | None:
    student = run.metrics.get("evaluation.student.teacher.psnr", run.best_psnr)
    other = bicubic(run, "psnr")
    return None if student is None or other is None else round(student - other, 2)


def _margin(run: PastRun) -> float | None:
    """How far it is above bicubic, dB: against the truth where that is known, else against the teacher."""
    student, other = (run.metrics.get(f"evaluation.{name}.truth.psnr") for name in ("student", "bicubic"))
    return _above_bicubic(run) if student is None or other is None else student - other


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
    versions = versions_known(paths)
    for run in chosen:
        with st.expander(as_text(label(run))):
            show_origin(run, here)
            made = [version for version in versions if version.run_id == run.id]
            for version in made:
                st.write(
                    f"Registered as version {version.number} of {registry.NAME} {as_text(' '.join(version.aliases))}"
                )
            if ui and may_operate():  # whoever reaches that may delete runs
                st.link_button("This run in the MLflow UI", link(run, ui), icon=":material/open_in_new:")
            st.caption("What reproduces it, typed in the project's folder:")
            st.code("\n".join(lineage.commands(run, paths)) or "# the run names no commit", language="sh")


def data_here(paths: Paths) -> dict[str, str]:
    """Data set -> its version in dvc.lock; none where that is broken, which is said."""
    try:
        return {path: out["md5"] for path, out in current(paths).items()}
    except SharpcamError as error:
        st.warning(as_text(error))
        return {}


def show_origin(run: PastRun, here: dict[str, str]) -> None:
    """Commit and data versions, and whether the data are those that are here now."""
    commit = run.tags.get("git.commit", "not known")
    changed = " with changes that were not committed" if run.tags.get("git.dirty") == "true" else ""
    st.markdown(f"Commit {as_text(commit)}{changed}")
    rows = [
        {"data": name, "version": value, "here now": "the same" if here.get(name) == value else "another version"}
        for name, value in lineage.data_of(run).items()
    ]
    if rows:
        st.dataframe(rows, hide_index=True)


show_page(Paths())
