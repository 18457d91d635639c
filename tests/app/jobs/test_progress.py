"""Progress is what commands report, as data: the stage, how it ended, and the bar that moves."""

import json
import time
from pathlib import Path

import pytest

from app.jobs.progress import Progress, Standing, read_standing
from pipeline.core.command import run_stage
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.progress import PROGRESS_FILE, WRITE_S, Bar, progress


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(PROGRESS_FILE, str(tmp_path / "progress.json"))
    monkeypatch.setattr(Bar, "stage", None)
    return tmp_path / "progress.json"


def test_a_bar_reports_how_far_it_is_and_how_long_it_will_take(file: Path) -> None:
    frames = progress(range(4), what="teacher")
    next(frames)
    assert read_standing(file) == Standing(None, None, Progress("teacher", 0.0, None)), "before its first step"
    time.sleep(WRITE_S)
    next(frames)
    bar = read_standing(file).progress
    assert (bar.what, bar.share) == ("teacher", 0.25)
    assert bar.left_s > 0
    assert list(frames) == [2, 3]
    assert read_standing(file).progress == Progress("teacher", 1.0, 0.0)


@pytest.mark.usefixtures("project")
def test_a_stage_reports_its_beginning_and_its_end(file: Path) -> None:
    seen = []
    assert run_stage("split", lambda *_: seen.append(read_standing(file))) == 0
    assert seen == [Standing("split")]
    assert seen[0].running == "split"
    after = read_standing(file)
    assert (after.stage, after.ended_well, after.running) == ("split", True, None)


@pytest.mark.usefixtures("project")
def test_a_stage_that_fails_reports_its_exit_status(file: Path) -> None:
    def fail(paths: Paths, _: object) -> None:
        raise SharpcamError(f"{paths.raw} is empty.")

    assert run_stage("split", fail) == 1
    assert (read_standing(file).stage, read_standing(file).status) == ("split", 1)


@pytest.mark.parametrize("content", ["", "[]", "3", '{"what": "teacher"}', '{"stage": 1, "total": "many"}'])
def test_what_is_not_there_or_broken_reports_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "progress.json"
    assert read_standing(file) == Standing()
    file.write_text(content)
    assert read_standing(file) == Standing()


def test_without_a_file_to_report_to_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROGRESS_FILE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert list(progress(range(3), what="teacher")) == [0, 1, 2]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_ends_no_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRESS_FILE, str(tmp_path / "no folder/progress.json"))
    assert list(progress(range(3), what="teacher")) == [0, 1, 2]


def test_reports_are_whole_json(file: Path) -> None:
    list(progress(range(3), what="teacher"))
    assert json.loads(file.read_text())["total"] == 3
