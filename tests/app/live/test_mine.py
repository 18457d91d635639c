"""A student of one's own camera by one press: what it costs, what is started, and the pair to compare after it."""

import json
import shutil
from dataclasses import asdict

import pytest
from making import make_clip, photo
from small_pipeline import ended, give_pipeline

from app.jobs import find
from app.live import mine, options
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.hashing import sha256
from pipeline.forecast import Rates, forecast_file, rates_state

RATES = Rates(teacher_s=3.0, teacher_bytes=2_000_000, step_s=0.5, validation_s=0.25)


@pytest.fixture
def small(project):
    """Stages that take no time; a student comes with sharpcam, and two clips wait."""
    give_pipeline(project)
    student(project.paths.bundled / "student_s.json", b"bundled")
    for name in ("my-camera-1", "my-camera-2"):
        (make_clip(project.paths, name, [photo(60, 80)])).rename(to_inbox(project, name))
    return project


def to_inbox(project, name):
    project.paths.inbox.mkdir(parents=True, exist_ok=True)
    return project.paths.inbox / name


def student(contract, weights):
    contract.parent.mkdir(parents=True, exist_ok=True)
    onnx = contract.with_suffix(".onnx")
    onnx.write_bytes(weights)
    contract.write_text(json.dumps({"model": "student_s", "files": {onnx.name: sha256(onnx)}}))


def models(project):
    return options.models(project.paths, asked=())[0]


def test_the_cost_is_said_once_it_was_measured(project):
    assert mine.offer(project.paths)["cost"] == ""
    params = project.change(train={"epochs": 2, "crops_per_epoch": 80, "batch_size": 8})
    write_json(forecast_file(project.paths), {"rates_state": rates_state(params), "rates": asdict(RATES)})
    frames = mine.CLIPS * mine.FRAMES
    cost = mine.offer(project.paths)["cost"]
    assert f"{frames * 3 / 60:.0f} min for the teacher" in cost
    train_s = 2 * 10 * 0.5 + 2 * mine.CLIPS * round(0.25 * mine.FRAMES) * 0.25
    assert f"{train_s:.0f} s for the training" in cost
    assert f"about {(frames * 3 + train_s + mine.REST_S) / 60:.0f} min" in cost
    assert "MB of its disk" in cost


def test_names_are_free_ones_and_the_demo_is_said_to_be_left_out(small):
    offered = mine.offer(small.paths)
    assert offered["clips"] == ["my-camera-3", "my-camera-4"]
    assert "left out" not in offered["words"]
    make_clip(small.paths, "demo-00", [photo(60, 80)])
    assert "left out" in mine.offer(small.paths)["words"]


def test_a_run_is_started_on_ones_own_clips_and_then_before_and_after_are_known(small):
    made = mine.begin(["my-camera-1", "my-camera-2"], "bundled:student_s", models(small), small.paths)
    assert small.params.capture.source == "inbox"
    job = find(made.job, small.paths)
    assert job.command == "repro"
    assert mine.last(small.paths) == made
    assert ended(job, small.paths).state == "done"
    assert mine.pair(made, models(small), small.paths) is None
    student(small.paths.contract, b"trained")
    assert mine.pair(made, models(small), small.paths) == ("bundled:student_s", "student_sr")
    mine.settle(made, small.paths)
    assert mine.last(small.paths) is None


def test_a_student_before_that_is_gone_is_bicubic_and_the_same_one_is_no_pair(small):
    student(small.paths.contract, b"old")
    old = sha256(small.paths.student_onnx)
    folder = small.paths.logs / "jobs" / "000001"
    write_json(folder / "request.json", {"command": "repro", "arguments": [], "lane": "pipeline", "asked": 1.0})
    made = mine.Mine(job=1, clips=("my-camera-1",), before=old)
    student(small.paths.contract, b"new")
    assert mine.pair(made, models(small), small.paths) is None  # the run was lost
    write_json(folder / "state.json", {"started": 1.0, "ended": 2.0, "status": 0})
    assert mine.pair(made, models(small), small.paths) == ("bicubic", "student_sr")
    student(small.paths.contract, b"old")
    assert mine.pair(made, models(small), small.paths) is None


def test_without_the_clips_nothing_is_started(small):
    shutil.rmtree(small.paths.inbox / "my-camera-2")
    for clips in (["my-camera-1", "my-camera-2"], [], ["../raw"]):
        with pytest.raises(SharpcamError, match="Record them again"):
            mine.begin(clips, "bundled:student_s", models(small), small.paths)
    assert small.params.capture.source == "demo"
    assert mine.last(small.paths) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"job": 1, "clips": 3}', '{"job": 1, "clips": [], "more": 1}'])
def test_a_note_that_cannot_be_read_is_none(project, content):
    project.paths.cache.mkdir(exist_ok=True)
    (project.paths.cache / "mine.json").write_text(content)
    assert mine.last(project.paths) is None
