"""What the stages' states and reasons are, after a real DVC has run them; and what a press would run."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from making import Project, until
from small_pipeline import ended, give_pipeline, hold, waits_in

from app.changed_files import latest
from app.graph import as_html
from app.jobs import cancel, start
from app.stages import Pipeline, Stage, arguments, estimate, read_pipeline
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

FRESH = {"capture": "fresh", "teacher": "fresh", "train": "fresh"}


@pytest.fixture
def small(project: Project) -> Project:
    return give_pipeline(project)


@pytest.fixture
def fresh(small: Project) -> Project:
    """Every stage has run."""
    assert ended(start("repro", paths=small.paths), small.paths).state == "done"
    return small


def states(paths: Paths) -> dict[str, str]:
    return {stage.name: stage.state for stage in read_pipeline(paths).stages}


def stage(name: str, paths: Paths) -> Stage:
    return next(stage for stage in read_pipeline(paths).stages if stage.name == name)


def compared(paths: Paths) -> None:
    """Wait until DVC has compared the files as they are now."""
    until(lambda: not latest(paths, busy=False).checking)


def test_what_never_ran_is_told_as_such_and_everything_would_run(small: Project) -> None:
    pipeline = read_pipeline(small.paths)
    assert {stage.state for stage in pipeline.stages} == {"never run"}
    assert [stage.name for stage in pipeline.plan("all", "", force=False)] == ["capture", "teacher", "train"]
    assert "unknown" in estimate(pipeline.stages)


def test_why_a_stage_is_stale_is_said_and_only_what_follows_it_is_stale_too(fresh: Project) -> None:
    paths = fresh.paths
    compared(paths)
    assert states(paths) == FRESH
    assert read_pipeline(paths).plan("all", "", force=False) == []
    assert "about" in estimate(read_pipeline(paths).stages)

    before = fresh.params.train.epochs
    fresh.change(train={"epochs": 9})
    assert states(paths) == FRESH | {"train": "stale"}
    assert stage("train", paths).reasons == (f"train.epochs: {before} → 9",)
    fresh.change(train={"epochs": before})

    code = paths.root / "code/teacher.py"
    code.write_text(code.read_text() + "# another\n")
    read_pipeline(paths)
    compared(paths)
    assert states(paths) == FRESH | {"teacher": "stale", "train": "stale"}
    assert stage("teacher", paths).reasons == ("code/teacher.py changed",)
    assert stage("train", paths).reasons == ("comes after teacher",)

    pipeline = read_pipeline(paths)
    assert [found.name for found in pipeline.plan("all", "", force=False)] == ["teacher", "train"]
    assert [found.name for found in pipeline.plan("all", "", force=True)] == ["capture", "teacher", "train"]
    assert [found.name for found in pipeline.plan("this", "train", force=False)] == ["train"]
    assert [found.name for found in pipeline.plan("from", "capture", force=False)] == ["teacher", "train"]

    ended(start("repro", arguments("this", "teacher", force=False), paths=paths), paths)
    assert stage("teacher", paths).state == "fresh"


def test_a_running_stage_tells_how_far_it_is_and_dvc_is_asked_nothing(small: Project) -> None:
    release = hold(small.paths)
    job = start("repro", ["--single-item", "capture"], paths=small.paths)
    until(lambda: waits_in("capture", small.paths))
    until(lambda: stage("capture", small.paths).progress)
    running = stage("capture", small.paths)
    assert running.state == "running"
    assert running.progress is not None
    assert running.progress.share < 1
    assert not read_pipeline(small.paths).checking
    release.unlink()
    ended(job, small.paths)


def test_a_stage_that_runs_in_a_terminal_is_seen_and_not_in_a_copy(small: Project, tmp_path: Path) -> None:
    code = "import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code, "pipeline.capture"])
    try:
        holder = small.paths.cache / "locks/capture.json"
        holder.parent.mkdir(parents=True, exist_ok=True)
        holder.write_text(json.dumps({"process": [process.pid, psutil.Process(process.pid).create_time()]}))
        assert states(small.paths)["capture"] == "running"
        copy = Paths(shutil.copytree(small.root, tmp_path / "copy"))
        assert states(copy)["capture"] == "never run"
    finally:
        process.kill()
        process.wait()
    assert states(small.paths)["capture"] == "never run"


def test_a_failed_stage_shows_its_last_lines_and_blocks_what_follows(small: Project) -> None:
    (small.root / "fail-teacher").touch()
    ended(start("repro", paths=small.paths), small.paths)
    assert states(small.paths) == {"capture": "fresh", "teacher": "failed", "train": "blocked"}
    assert "as it was told to" in stage("teacher", small.paths).last_lines
    assert stage("train", small.paths).reasons == ("waits for teacher",)
    (small.root / "fail-teacher").unlink()
    ended(start("repro", paths=small.paths), small.paths)
    assert states(small.paths) == FRESH


def test_other_jobs_do_not_make_a_failure_forgotten(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.stages.JOBS_READ", 1)
    (small.root / "fail-teacher").touch()
    ended(start("repro", paths=small.paths), small.paths)
    ended(start("doctor", paths=small.paths), small.paths)
    assert states(small.paths)["teacher"] == "failed"


def test_a_stopped_stage_has_not_failed(small: Project) -> None:
    release = hold(small.paths)
    job = start("repro", paths=small.paths)
    until(lambda: waits_in("capture", small.paths))
    cancel(job)
    release.unlink()
    ended(job, small.paths)
    assert states(small.paths) == dict.fromkeys(FRESH, "never run")
    assert stage("capture", small.paths).reasons == (f"stopped before its end in job {job.number}",)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("params.yaml", "seed: [7"),
        ("params.yaml", "seed: 7"),
        ("dvc.lock", "stages: [1"),
        ("dvc.lock", "stages: 3"),
        ("dvc.lock", "<<<<<<< HEAD"),
        ("dvc.lock", "stages: {capture: 3}"),
        ("dvc.lock", "stages: {capture: {cmd: x, deps: [3], params: {params.yaml: [2]}}}"),
        ("dvc.yaml", "stages: {capture: 3}"),
        ("dvc.yaml", "]"),
    ],
)
def test_a_file_broken_by_hand_is_one_sentence_that_names_it(small: Project, file: str, content: str) -> None:
    (small.root / file).write_text(content)
    with pytest.raises(SharpcamError, match=file):
        read_pipeline(small.paths)


def test_what_dvc_cannot_compare_is_said(small: Project) -> None:
    (small.root / ".dvc/config").write_text("[core\n")
    read_pipeline(small.paths)
    compared(small.paths)
    assert read_pipeline(small.paths).error


def test_broken_lines_among_the_durations_are_passed_over(small: Project) -> None:
    small.paths.logs.mkdir(exist_ok=True)
    good = {"stage": "capture", "started": time.time(), "seconds": 61.0, "status": "done"}
    lines = ['{"stage": "capture", "sta', "3", "{}", json.dumps(good), json.dumps(good | {"status": "failed"})]
    (small.paths.logs / "durations.jsonl").write_text("\n".join(lines))
    assert stage("capture", small.paths).last_s == 61.0


def test_the_graph_escapes_what_it_shows() -> None:
    evil = Stage("<script>", ("<b>",), "stale", ('"><script>',))
    drawn = as_html(Pipeline((Stage("<b>", ()), evil)))
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn
