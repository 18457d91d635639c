"""A job on a page: how it stands, its bar, its live log, and the buttons that end it. Any page may use it."""

import io
import time
from collections.abc import Sequence

import streamlit as st
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from app.jobs.job import SENTENCES, Job, find
from app.jobs.launch import cancel, kill, start
from app.roles import may_operate
from app.text import as_text
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.progress import in_hours

TICK_S = 1.0
LINES = 300  # of the log on the page; all of it can be downloaded
ICONS = {
    "queued": ":material/schedule:",
    "running": ":material/play_circle:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/stop_circle:",
    "killed": ":material/cancel:",
    "vanished": ":material/help:",
}
TERMINAL = """<div style="display:flex;flex-direction:column-reverse;max-height:24rem;overflow:auto;padding:.75rem;
border-radius:.5rem;background:#0c0c0c;color:#d9d9d9" tabindex="0" role="log" aria-label="log">
<pre style="margin:0;background:none;color:inherit;font-size:.8rem;line-height:1.35;white-space:pre-wrap;
overflow-wrap:anywhere">{log}</pre></div>"""  # reversed, so that it stays at its end while it grows


def begin(command: str, paths: Paths, arguments: Sequence[str] = ()) -> None:
    """Start a job, and run the page again, which shows it; a sentence where it could not be started."""
    try:
        start(command, arguments, paths=paths)
    except (SharpcamError, OSError) as error:
        st.error(f"The job could not be started: {as_text(error)}")
        return
    st.rerun()


def show_job(job: Job, paths: Paths) -> None:
    """The job, live until it is over; then the page runs once more, as more than the job has changed."""
    st.fragment(_show, run_every=None if job.over else TICK_S)(job, paths)


def _show(before: Job, paths: Paths) -> None:
    try:
        job = find(before.number, paths)
    except SharpcamError as error:
        st.info(as_text(error))
        return
    if job.over and not before.over:
        st.rerun()
    log = job.tail()
    st.markdown(f"{ICONS[job.state]} **{as_text(job.title)}** · {_standing(job)}")
    if not job.over:
        show_bar(job)
        show_buttons(job)
    show_log(log)


def _standing(job: Job) -> str:
    """The job's state in a sentence."""
    sentence = f"job {job.number} {SENTENCES[job.state]}"
    if job.state == "failed":
        sentence += f" with exit status {job.status}"
    if job.stop_asked and not job.over:
        sentence += ", is asked to stop and finishes the frame or epoch at hand"
    return f"{sentence}, {in_hours(job.seconds)}" if job.started else sentence


def show_bar(job: Job) -> None:
    """How far the stage at hand is."""
    standing = job.standing
    progress, stage = standing.progress, standing.running
    if progress is None:
        if job.state == "running":
            st.progress(0.0, text=f"{as_text(stage)}: begins" if stage else "begins")
        return
    left = "" if progress.left_s is None else f" · {in_hours(progress.left_s)} left"
    what = progress.what if stage in (None, progress.what) else f"{stage}, {progress.what}"
    st.progress(min(1.0, progress.share), text=f"{as_text(what)}: {progress.share:.0%}{left}")


def show_buttons(job: Job) -> None:
    """Gently first; at once only after that. Nothing for a viewer."""
    if not may_operate():
        return
    if not job.stop_asked:
        gently = "It finishes its frame or epoch, keeps what is done, and ends its MLflow run as KILLED."
        if st.button("Stop", icon=":material/stop:", help=gently, key=f"stop-{job.number}"):
            cancel(job)
            st.rerun()
    else:
        at_once = "Kills it with all that it started. What was finished before is kept; the epoch at hand is lost."
        if st.button("Kill at once", icon=":material/bolt:", help=at_once, key=f"kill-{job.number}"):
            kill(job)
            st.rerun()


def show_log(log: str) -> None:
    """The end of a log with its colours, as a terminal would show it."""
    lines = log.rstrip().splitlines()
    if lines:
        st.html(TERMINAL.format(log=as_html("\n".join(lines[-LINES:]))))


def as_html(log: str) -> str:
    """Text with ANSI colours as HTML, everything else escaped."""
    console = Console(record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(log), soft_wrap=True)
    return console.export_html(theme=MONOKAI, inline_styles=True, code_format="{code}")


def show_history(jobs: list[Job]) -> None:
    """Each job that is over with its duration, exit status and full log."""
    for job in jobs:
        ran = f" · {in_hours(job.seconds)}" if job.started else ""
        status = "" if job.status is None else f" · exit status {job.status}"
        when = time.strftime("%d %b %H:%M", time.localtime(job.asked))
        label = f"{ICONS[job.state]} {job.number} · {as_text(job.title)} · {job.state}{ran}{status} · {when}"
        with st.expander(label, key=f"history-{job.number}", on_change="rerun") as opened:
            if opened.open:
                _whole(job)


def _whole(job: Job) -> None:
    st.write(f"{_standing(job).capitalize()}.")
    show_log(job.tail())
    if job.log.exists():
        whole = job.tail(limit_bytes=job.log.stat().st_size)
        st.download_button(
            "Whole log", whole, f"job-{job.number}.log", "text/plain", key=f"log-{job.number}", on_click="ignore"
        )
