"""Students on the same frames, as the pages Runs and Models show them: measured by a job of their own where need be."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.jobs import Job, find, start
from app.jobs.show import show_job
from app.roles import may_operate
from app.text import as_text
from pipeline.compare.contenders import Contender
from pipeline.compare.frames import common_frames
from pipeline.compare.results import BICUBIC, LANCZOS, TEACHER, TRUTH, Result, Results, comparable_ms
from pipeline.core.errors import SharpcamError
from pipeline.core.meaning import describe_flicker, describe_halo, describe_margin, describe_speed
from pipeline.core.params import load_params
from pipeline.core.paths import Paths

JOBS = "compared-jobs"  # in the session: what was asked for -> the number of its job
DECIBELS = st.column_config.NumberColumn(format="%.2f")

Contenders = Mapping[str, Contender]  # by title


def common_results(contenders: Contenders, paths: Paths) -> Results | None:
    """What is known of them on frames that none of them has learned; where there are none, why, on the page."""
    try:
        learned = [contender.learned or {} for contender in contenders.values()]
        return Results(common_frames(learned, load_params(paths.params).geometry, paths), paths)
    except SharpcamError as error:
        st.caption(f"Not comparable on the same frames, since {as_text(begin_small(str(error)))}")
        return None


def begin_small(sentence: str) -> str:
    """A sentence as it goes on after a comma."""
    return sentence[:1].lower() + sentence[1:]


def show_compared(contenders: Contenders, results: Results, paths: Paths) -> None:
    """What they were measured on, their figures in words, and the job that measures what is missing."""
    measure_missing(contenders, results, paths)
    found = {title: results.of(contender.key) for title, contender in contenders.items()}
    rows = as_rows({title: result for title, result in found.items() if result and not result.problem}, results)
    if rows:
        st.dataframe(rows, hide_index=True, placeholder="-", column_config=dict.fromkeys(PSNR_COLUMNS, DECIBELS))
        st.caption(as_text(f"Measured on {results.frames.describe()}. None of these students has learned them."))
    for title, result in found.items():
        if result and result.problem:
            st.caption(as_text(f"{title} is left out: {result.problem}"))
    if unknown := [title for title, contender in contenders.items() if contender.learned is None]:
        words = (
            f"What {', '.join(unknown)} trained on is not known: if these frames were among it, the figures flatter."
        )
        st.caption(as_text(words))


def measure_missing(contenders: Contenders, results: Results, paths: Paths) -> None:
    """Begin a job for what was never measured, once; one that failed is begun again when somebody asks."""
    missing = [contender.name for contender in contenders.values() if results.of(contender.key) is None]
    if not missing:
        return
    if not may_operate():
        st.caption("Some were not measured yet: that begins when an operator opens this page.")
        return
    asked = st.session_state.setdefault(JOBS, {})
    key = (results.frames.key, *sorted(missing))
    job = job_of(asked.get(key), paths)
    if job is None or (job.over and st.button("Measure again", icon=":material/refresh:", key="measure-again")):
        try:
            job = start("compare", [contender.name for contender in contenders.values()], paths=paths)
        except (SharpcamError, OSError) as error:
            st.error(f"The comparison could not be started: {as_text(error)}")
            return
        asked[key] = job.number
    st.caption(as_text(f"They are being measured on {results.frames.describe()}."))
    show_job(job, paths)


def job_of(number: int | None, paths: Paths) -> Job | None:
    """The job of that number, while its folder is there."""
    try:
        return None if number is None else find(number, paths)
    except SharpcamError:
        return None


PSNR_COLUMNS = ("to teacher (dB)", "to truth (dB)")  # PSNR


def as_rows(found: Mapping[str, Result], results: Results) -> list[dict[str, Any]]:
    """A row for each student, and below them those of bicubic, Lanczos and the teacher."""
    references = {name: result for name in (BICUBIC, LANCZOS, TEACHER) if (result := results.of(name))}
    bicubic, ms = references.get(BICUBIC), comparable_ms(found)
    if bicubic is None:
        return []
    return [as_row(title, result, bicubic, ms.get(title)) for title, result in {**found, **references}.items()]


def as_row(title: str, result: Result, bicubic: Result, ms: float | None) -> dict[str, Any]:
    """Figures, each with what it means."""
    to_teacher, to_truth = (result.measure("psnr", against=name) for name in (TEACHER, TRUTH))
    row: dict[str, Any] = {"student": title, "is": in_a_word(result, bicubic)}
    row |= {PSNR_COLUMNS[0]: to_teacher, PSNR_COLUMNS[1]: to_truth}
    halo, flicker, plain = steady(result, "halo"), steady(result, "flicker"), steady(bicubic, "flicker")
    if result != bicubic:
        row["halo"] = None if halo is None else f"{halo:.2f}, {describe_halo(halo)}"
    if flicker is not None and plain is not None:
        row["flicker, to bicubic"] = (
            f"{flicker:.2f}, {describe_flicker(flicker, plain)}" if result != bicubic else f"{flicker:.2f}"
        )
    row["speed"] = None if ms is None else f"{ms:.0f} ms, {describe_speed(ms)}"
    return row


def in_a_word(result: Result, bicubic: Result, *, camera: str | None = None) -> str | None:
    """How it compares with bicubic, on one camera or on all frames."""
    margin = None if result == bicubic else gain_db(result, bicubic, camera=camera)
    return None if margin is None else describe_margin(margin)


def gain_db(result: Result, other: Result, *, camera: str | None = None) -> float | None:
    """How far it is above the other: on one camera against the teacher, on all frames against the truth where known."""
    if camera is not None:
        pairs = [(result.cameras.get(camera), other.cameras.get(camera))]
    else:
        pairs = [
            (result.measure("psnr", against=name), other.measure("psnr", against=name)) for name in (TRUTH, TEACHER)
        ]
    return next((ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None), None)


def steady(result: Result, name: str) -> float | None:
    """A measure that hardly depends on the reference: against the truth, where there is one."""
    value = result.measure(name, against=TRUTH)
    return result.measure(name) if value is None else value
