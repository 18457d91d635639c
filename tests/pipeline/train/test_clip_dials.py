"""A student with dials learns each clip with those of its camera, and is validated and evaluated with the same."""

import json
import shutil

import pytest
import torch
from making import Project, brightness_estimator, make_clip, photo

from pipeline.core.files import read_json
from pipeline.evaluate.stage import evaluate
from pipeline.export.stage import export
from pipeline.split import split
from pipeline.student.dials import Dials
from pipeline.teacher.stage import teacher
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.experiment import EXPERIMENT
from pipeline.tracking.figures import LONGEST_VALUE
from pipeline.train import stage
from pipeline.train.clip_dials import as_param, dials_of_clips, rows, summary
from pipeline.train.stage import train
from training import checkpoints
from training.models import MODELS

DARK = [photo(64, 80, seed=seed) // 3 for seed in range(4)]
BRIGHT = [photo(64, 80, seed=10 + seed) // 2 + 100 for seed in range(4)]
CLIPS = {"a": Dials(0.1, 0.2, 0.3, 0.4), "b": Dials(0.5, 0.2, 0, 1)}


@pytest.fixture(scope="module")
def finished_once(begun_once, dialled_checkpoint, empty_database, tmp_path_factory):
    """A student with dials that went the whole way on two cameras, a dark and a bright one."""
    made = Project(tmp_path_factory.mktemp("dialled") / "project")
    shutil.copytree(begun_once.root, made.root)
    shutil.copy(empty_database, made.root / "mlflow.db")
    made.paths.estimator.parent.mkdir(parents=True)
    made.paths.estimator.write_bytes(brightness_estimator(sure=1e6))
    params = made.change(
        capture={"source": "inbox"}, train={"start_from": str(dialled_checkpoint)}, split={"validation_share": 0.4}
    )
    for name, frames in (("bright", BRIGHT), ("dark", DARK)):
        make_clip(made.paths, name, frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{made.root / 'mlflow.db'}")
        for run in (teacher, split, train, export, evaluate):
            run(made.paths, params)
    return made


@pytest.fixture
def finished(finished_once, monkeypatch):
    monkeypatch.chdir(finished_once.root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{finished_once.root / 'mlflow.db'}")
    return finished_once


def test_the_checkpoint_keeps_the_dials_and_says_those_of_the_clips(finished):
    model, recipe = checkpoints.load(finished.paths.student)
    assert model.dials is not None
    assert recipe["arguments"] == {"dials": True}
    assert set(recipe["dials"]) == {"bright", "dark"}
    assert recipe["dials"]["bright"]["noise"] > recipe["dials"]["dark"]["noise"] + 0.3


def test_it_is_evaluated_with_the_dials_that_it_was_validated_with(finished):
    _, recipe = checkpoints.load(finished.paths.student)
    evaluation = read_json(finished.paths.evaluation, made_by="evaluate")
    assert evaluation["dials"].items() <= recipe["dials"].items()
    best = recipe["best"]["val_psnr"]
    assert evaluation["methods"]["student"]["teacher"]["psnr"] == pytest.approx(best, abs=0.02)
    contract = read_json(finished.paths.contract, made_by="export")
    assert contract["format"] == 2
    assert "estimator" in contract


def test_the_run_knows_the_dials_of_every_clip(finished):
    store = mlflow_client()
    (run,) = store.search_runs([store.get_experiment_by_name(EXPERIMENT).experiment_id])
    _, recipe = checkpoints.load(finished.paths.student)
    assert run.data.params["dials"].startswith("2 clips: blur 0.")
    found = {clip: list(dials.values()) for clip, dials in recipe["dials"].items()}
    assert json.loads(run.data.params["dials_of_clips"]) == found
    assert "dials.json" in [file.path for file in store.list_artifacts(run.info.run_id)]


def test_other_dials_are_another_training(finished, monkeypatch):
    *_, first = stage.prepare(finished.paths, finished.params)
    *_, again = stage.prepare(finished.paths, finished.params)
    assert first == again
    estimate = stage.dials_of_clips
    monkeypatch.setattr(stage, "dials_of_clips", lambda *known: estimate(*known) | {"dark": Dials(1, 1, 1, 1)})
    *_, other = stage.prepare(finished.paths, finished.params)
    assert other != first


def test_crops_and_validation_frames_carry_the_dials_of_their_clip(finished):
    module, _, validation, dials, _ = stage.prepare(finished.paths, finished.params)
    assert len({*dials.values()}) == 2
    torch.testing.assert_close(module.validation_pairs.dials, rows(validation.names, dials))


def test_a_student_without_dials_is_told_none(project):
    assert not dials_of_clips(MODELS["student_s"](), ["a"], project.paths)
    assert not dials_of_clips(MODELS["student_original"](), ["a"], project.paths)
    assert rows(["a/000000"], {}) is None
    assert as_param({}) == {}


def test_without_an_estimator_every_clip_is_neutral(project):
    found = dials_of_clips(MODELS["student_s"](dials=True), ["b", "a", "b"], project.paths)
    assert found == {"a": Dials(0.25, 0.25, 0.15, 0.25), "b": Dials(0.25, 0.25, 0.15, 0.25)}


def test_a_parameter_holds_every_clip_or_only_what_they_range_over():
    assert summary(CLIPS) == (
        "2 clips: blur 0.10 to 0.50, noise 0.20 to 0.20, sharpening 0.00 to 0.30, compression 0.40 to 1.00"
    )
    assert json.loads(as_param(CLIPS)["dials_of_clips"])["b"] == [0.5, 0.2, 0, 1]
    many = as_param({f"clip-{index}": CLIPS["a"] for index in range(1000)})
    assert many["dials_of_clips"] == "see dials.json"
    assert all(len(value) <= LONGEST_VALUE for value in many.values())


def test_frames_get_the_dials_of_their_clip_in_their_order():
    found = rows(["b/000001", "a/000000", "b/000002"], CLIPS)
    torch.testing.assert_close(found, torch.tensor([CLIPS["b"], CLIPS["a"], CLIPS["b"]]))
    assert found.dtype == torch.float32
