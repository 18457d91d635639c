"""What a student that trains now makes of a validation frame, epoch by epoch."""

from pathlib import Path

import streamlit as st

from app.compare import show_slider
from app.waiting import waited_for
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.tracking.past_runs import PastRun, all_runs, pictures

SHOWN = 4  # epochs, the last of them the newest


def show_learning(paths: Paths) -> None:
    """Bicubic, some epochs and the teacher side by side; nothing before the first epoch, or without MLflow."""
    try:
        runs = waited_for(lambda: all_runs(paths), words="Looking for the training…")
        run = next((run for run in runs if run.status == "RUNNING"), None)
        shown = newest_pictures(run, paths) if run else {}
    except SharpcamError:
        return
    if shown:
        st.caption("A validation frame as the student sees it, epoch by epoch; it has never trained on it.")
        show_slider(shown, key="learning", grid=True, bare=True)


def newest_pictures(run: PastRun, paths: Paths) -> dict[str, Path | bytes]:
    """Of the first frame: bicubic, epochs spread over those so far, the teacher."""
    of_frame = next(iter(pictures(run, paths).values()), {})
    epochs = sorted(title for title in of_frame if title.startswith("epoch"))
    if not epochs:
        return {}
    step = max(1, (len(epochs) - 1) // (SHOWN - 1)) if len(epochs) > SHOWN else 1
    chosen = dict.fromkeys([*epochs[::step][: SHOWN - 1], epochs[-1]])
    named = {f"epoch {int(title.partition('-')[2])}": of_frame[title] for title in chosen}
    ends = {title: of_frame[title] for title in ("bicubic", "teacher") if title in of_frame}
    shown: dict[str, Path | bytes] = {title: file for title, file in ends.items() if title == "bicubic"}
    return shown | named | {title: file for title, file in ends.items() if title == "teacher"}
