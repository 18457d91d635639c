"""The same cut-out of a validation frame across runs and epochs, under one zoom."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from app.compare import show_slider
from app.runs.naming import short_names
from app.text import as_text
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame
from pipeline.core.paths import Paths
from pipeline.tracking.past_runs import PastRun, pictures

ERROR_GAIN = 8
BEST = "best"
REFERENCES = ("bicubic", "teacher", "truth")
COMMON = "common"  # whose pictures are bicubic, teacher and truth
Row = dict[str, Path | None]  # title -> picture; None where the run has none of that epoch
OfFrames = Mapping[str, Mapping[str, Path]]  # frame -> title -> picture
CommonPictures = Mapping[str, OfFrames]  # by run, or COMMON


def show_pictures(chosen: list[PastRun], common: CommonPictures, paths: Paths) -> None:
    """A frame as each run saw it after each epoch that was chosen, beside bicubic, the teacher and the truth.

    `common` are pictures that the comparison made, so that every run has some of the same frames.
    """
    st.subheader("Pictures")
    try:
        found = {run.id: waited_for(partial(pictures, run, paths), words="Fetching pictures…") for run in chosen}
    except SharpcamError as error:
        st.warning(as_text(error))
        return
    found = {run_id: with_common(of_run, common.get(run_id, {})) for run_id, of_run in found.items()}
    references = common.get(COMMON, {})
    own = {frame for of_run in found.values() for frame in of_run}
    frames = [*references, *sorted(own - references.keys())]
    if not frames:
        st.info("These runs have no pictures: they were stopped before their first epoch, or their files are gone.")
        return
    frame_box, epochs_box, error_box = st.columns([2, 3, 1], vertical_alignment="bottom")
    frame = frame_box.selectbox("Frame", frames, key="frame", bind="query-params")
    of_frame = {run.id: found[run.id].get(frame, {}) for run in chosen} | {COMMON: references.get(frame, {})}
    kept = {title for of_run in of_frame.values() for title in of_run if title.startswith("epoch")}
    options = [*sorted(kept), BEST]
    epochs = epochs_box.multiselect(
        "Epochs",
        options,
        default=[BEST],
        format_func=describe_title,
        key="epochs",
        bind="query-params",
        help="Each run is a row and each epoch a column.",
    )
    errors = error_box.toggle(
        "Error map", key="errors", bind="query-params", help=f"|student - teacher|, {ERROR_GAIN} times"
    )
    in_order = [epoch for epoch in options if epoch in epochs]  # a run that had it may be compared no longer
    show_rows(rows_of(chosen, of_frame, in_order), references_of(of_frame), errors=errors)


def with_common(of_run: OfFrames, common: OfFrames) -> dict[str, dict[str, Path]]:
    """A run's pictures by frame, with those that the comparison made."""
    return {frame: {**of_run.get(frame, {}), **common.get(frame, {})} for frame in {**of_run, **common}}


def describe_title(title: str) -> str:
    """epoch-0003 as people write it."""
    name, _, number = title.partition("-")
    return f"{name} {int(number)}" if number else name


def rows_of(chosen: list[PastRun], of_frame: OfFrames, epochs: Sequence[str]) -> list[Row]:
    """A row for each run that has one of the epochs."""
    names = short_names(chosen)
    rows = [dict(cell_of(names[run.id], of_frame[run.id], epoch) for epoch in epochs) for run in chosen]
    return [row for row in rows if any(row.values())]


def cell_of(name: str, of_run: Mapping[str, Path], epoch: str) -> tuple[str, Path | None]:
    """Title and picture after an epoch; of a run that has no best one, or not yet, after its last."""
    if epoch != BEST:
        return f"{name} · {describe_title(epoch)}", of_run.get(epoch)
    if BEST in of_run:
        return f"{name} · best", of_run[BEST]
    last = max((title for title in of_run if title.startswith("epoch")), default="")
    return f"{name} · last", of_run.get(last)


def references_of(of_frame: OfFrames) -> dict[str, Path]:
    """What the students are compared with, as far as a run has it."""
    return {title: of_run[title] for title in REFERENCES for of_run in of_frame.values() if title in of_run}


def show_rows(rows: list[Row], references: dict[str, Path], *, errors: bool) -> None:
    """Runs below each other and their epochs side by side, the references last; a single epoch needs no columns."""
    students = {title: file for row in rows for title, file in row.items() if file}
    first, *others = ({title: references[title]} if title in references else {} for title in REFERENCES)
    shown: dict[str, Path | bytes] = {**first, **students}
    for other in others:
        shown |= other
    maps = error_maps(shown) if errors else {}
    table = lines([*rows, dict(references)], maps) if any(len(row) > 1 for row in rows) else []
    show_slider(shown | maps, key="pictures", grid=True, rows=table)


def lines(rows: list[Row], maps: Mapping[str, bytes]) -> list[list[str | None]]:
    """The titles of each row, and below them those of its error maps, with gaps where there is no picture."""
    pictures_above = [[title if file else None for title, file in row.items()] for row in rows]
    maps_below = [[name if (name := f"error of {title}") in maps else None for title in row] for row in rows]
    both = [line for pair in zip(pictures_above, maps_below, strict=True) for line in pair]
    return [line for line in both if any(line)]


def error_maps(shown: Mapping[str, Path | bytes]) -> dict[str, bytes]:
    """How far each picture is from the teacher's; it is said of which that cannot be told."""
    teacher = shown.get("teacher")
    maps: dict[str, bytes] = {}
    if not isinstance(teacher, Path):
        return maps
    for title, picture in shown.items():
        if title == "teacher" or not isinstance(picture, Path):
            continue
        try:
            maps[f"error of {title}"] = error_map(picture, teacher)
        except SharpcamError as error:
            st.caption(f"No error map of {as_text(title)}: {as_text(error)}")
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
