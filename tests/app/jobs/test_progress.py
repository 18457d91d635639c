"""Progress is read from the very bars that tqdm and Lightning's rich bar draw."""

import io

import pytest
from rich.console import Console
from tqdm import tqdm

from app.jobs.progress import current_stage, failed_stage, read_progress


def tqdm_bar(done: int, total: int) -> str:
    drawn = io.StringIO()
    with tqdm(total=total, desc="teacher", unit="frame", file=drawn, ncols=100, initial=0) as bar:
        bar.update(done)
        bar.refresh()
    return drawn.getvalue().split("\r")[-1]


def test_a_bar_of_tqdm() -> None:
    progress = read_progress(f"Running stage 'teacher':\n> python -m pipeline.teacher\n{tqdm_bar(45, 100)}")
    assert progress is not None
    assert (progress.what, progress.share) == ("teacher", 0.45)
    assert progress.left_s is not None


def lightning_bar(epoch: int, done: int) -> str:
    from pytorch_lightning.callbacks.progress.rich_progress import (
        BatchesProcessedColumn,
        CustomBarColumn,
        CustomProgress,
        CustomTimeColumn,
        ProcessingSpeedColumn,
    )
    from rich.progress import TextColumn

    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    columns = (
        TextColumn("[progress.description]{task.description}"),
        CustomBarColumn(complete_style="red", finished_style="red", pulse_style="red"),
        BatchesProcessedColumn(style="white"),
        CustomTimeColumn(style="dim"),
        ProcessingSpeedColumn(style="dim"),
    )
    progress = CustomProgress(*columns, console=console)
    progress.add_task(f"Epoch {epoch}/4", total=20, completed=done)
    console.print(progress.get_renderable())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_bar_of_lightning_counts_for_the_whole_training() -> None:
    progress = read_progress(lightning_bar(2, 10))
    assert progress is not None
    assert progress.what == "epoch 3 of 5"
    assert progress.share == pytest.approx(0.5)


def test_the_bar_of_an_earlier_stage_is_not_taken_for_that_of_the_current_one() -> None:
    log = f"Running stage 'capture':\n{tqdm_bar(100, 100)}\nRunning stage 'split':\n> python -m pipeline.split\n"
    assert current_stage(log) == "split"
    assert read_progress(log) is None


def test_the_stage_that_failed_is_named_by_dvc() -> None:
    assert (
        failed_stage("\x1b[31mERROR\x1b[39m: failed to reproduce 'train': failed to run: x, exited with 1") == "train"
    )
    assert failed_stage("all is well") is None
