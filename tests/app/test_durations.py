"""How long the stages will take, told from what they did when they last ran."""

import json

import pytest

from app.durations import describe, expected, last_durations
from pipeline.core import work
from pipeline.core.command import run_stage
from pipeline.core.progress import progress


def note(project, **lines) -> None:
    project.paths.logs.mkdir(exist_ok=True)
    log = project.paths.logs / "durations.jsonl"
    written = [{"stage": stage, "started": 1.0, "status": "done"} | line for stage, line in lines.items()]
    log.write_text("\n".join(map(json.dumps, written)))


def test_a_training_takes_as_long_as_its_epochs_and_crops_beside_what_is_always_the_same(project):
    params = project.params
    note(project, train={"seconds": 50.0, "work": work.of_training(params), "work_s": 40.0})
    assert expected(params, project.paths)["train"] == pytest.approx(50)
    longer = project.change(train={"epochs": 10 * params.train.epochs})
    assert expected(longer, project.paths)["train"] == pytest.approx(10 + 400)
    shorter = project.change(
        train={"epochs": params.train.epochs, "crops_per_epoch": params.train.crops_per_epoch // 4}
    )
    assert expected(shorter, project.paths)["train"] == pytest.approx(10 + 10)


def test_the_teacher_takes_as_long_as_the_frames_that_wait_for_it(recorded):
    frames = len(list(recorded.paths.raw.glob("*/*.png")))
    each = work.of_a_step("teacher", recorded.params)
    note(recorded, teacher={"seconds": 12.0, "work": frames * each, "work_s": 10.0})
    assert expected(recorded.params, recorded.paths)["teacher"] == pytest.approx(2), "all have their picture"
    for picture in list(recorded.paths.teacher.glob("*/*.png"))[: frames // 3]:
        picture.unlink()
    assert expected(recorded.params, recorded.paths)["teacher"] == pytest.approx(2 + 10 / 3)
    assert expected(recorded.params, recorded.paths, changed=["teacher.chain"])["teacher"] == pytest.approx(12)


def test_a_stage_notes_what_it_did(project, monkeypatch):
    def stage(paths, params):
        for _ in progress(range(3), what="capture"):
            pass
        for _ in progress(range(5), what="something else"):
            pass

    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert run_stage("capture", stage) == 0
    assert last_durations(project.paths)["capture"].work == 3 * 160 * 128
    assert run_stage("capture", lambda *_: None) == 0
    assert last_durations(project.paths)["capture"].work == 3 * 160 * 128, "nothing was to be done"


def test_another_time_than_the_last_one_is_said_beside_it():
    assert describe(["train"], {"train": 300.0}, {"train": 30.0}) == "about 5 min, 30 s last time"
    assert describe(["train"], {"train": 31.0}, {"train": 30.0}) == "about 31 s"
    assert describe(["train"], {}, {}) == "train has never finished on this machine, so its duration is unknown"
