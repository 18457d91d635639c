"""The training of the estimator: it learns through students, resumes, and ships as ONNX."""

import json
import shutil

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from making import ROOT

from pipeline.pretrain import estimator as pretrain_estimator
from pipeline.pretrain.estimator_files import from_onnx, to_onnx
from pipeline.pretrain.recipe import RECIPES
from training import checkpoints
from training.models import MODELS

TINY = {
    "steps": 4,
    "batch_size": 2,
    "crop_px": 32,
    "drawings": 1,
    "frame_px": 64,
    "scene_px": 170,
    "chunk_clips": 4,
    "scenes_per_camera": 2,
    "first_chunks": 2,
    "pool_chunks": 2,
    "refresh_steps": 4,
    "validate_steps": 4,
    "checkpoint_s": 0,
    "precision": "fp32",
}


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command on two photographs, one student and a tiny recipe, in an empty project."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(2):
        noise = np.random.default_rng(index).integers(0, 255, (20, 20, 3), dtype=np.uint8)
        cv2.imwrite(str(photos / f"{index}.png"), cv2.resize(noise, (180, 180), interpolation=cv2.INTER_CUBIC))
    student = MODELS["student_s"](dials=True)
    torch.nn.init.normal_(student.dials.out.weight, std=0.05)
    checkpoints.save(tmp_path / "s.safetensors", student, {"model": "student_s", "arguments": {"dials": True}})
    recipe = tmp_path / "estimator.yaml"
    recipe.write_text(yaml.safe_dump({**yaml.safe_load((RECIPES / "estimator.yaml").read_text()), **TINY}))
    monkeypatch.setattr(pretrain_estimator, "recipe_file", lambda _: recipe)
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    return ["--photos", str(photos), "--students", "s.safetensors", "--output", "e.onnx"]


def test_it_ships_an_estimator_that_answers_as_in_torch_and_says_its_prior(command, tmp_path, capsys):
    assert pretrain_estimator.main(command) == 0
    assert "estimated" in (said := capsys.readouterr().out)
    assert "off the true dials by" in said
    session = onnxruntime.InferenceSession((tmp_path / "e.onnx").read_bytes())
    prior = json.loads(session.get_modelmeta().custom_metadata_map["prior_weights"])
    assert len(prior) == 4
    assert min(prior) > 0
    frame = np.random.default_rng(0).random((1, 3, 70, 96), np.float32)
    values, weights = session.run(["values", "weights"], {"frame": frame})
    checkpoint = next((tmp_path / ".cache/pretrain").glob("estimator-*/last.pt"))
    learner = pretrain_estimator.Learner([])
    learner.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    with torch.inference_mode():
        reading = learner.estimator(torch.from_numpy(frame))
    np.testing.assert_allclose(values, reading.values.numpy(), atol=2e-3)  # it is stored in fp16
    np.testing.assert_allclose(weights, reading.weights.numpy(), rtol=2e-2)


def test_it_goes_on_from_an_estimator_that_ships(command, capsys):
    assert pretrain_estimator.main([*command, "--start", str(ROOT / "weights/bundled/estimator.onnx")]) == 0
    assert "estimated" in capsys.readouterr().out


def test_an_estimator_comes_back_from_its_file_as_it_was(tmp_path):
    estimator = from_onnx(ROOT / "weights/bundled/estimator.onnx")
    (tmp_path / "again.onnx").write_bytes(to_onnx(estimator))
    for name, value in from_onnx(tmp_path / "again.onnx").state_dict().items():
        torch.testing.assert_close(value, estimator.state_dict()[name], rtol=1e-5, atol=1e-5)


def test_a_file_that_is_no_estimator_is_a_sentence(command, tmp_path, capsys):
    (tmp_path / "no.onnx").write_bytes(b"no")
    assert pretrain_estimator.main([*command, "--start", "no.onnx"]) == 1
    assert "no.onnx is not an estimator to start from" in capsys.readouterr().err


def test_a_training_that_is_done_is_not_repeated(command, tmp_path, capsys):
    assert pretrain_estimator.main(command) == 0
    before = (tmp_path / "e.onnx").read_bytes()
    assert pretrain_estimator.main(command) == 0
    assert "step 4" in capsys.readouterr().out
    assert (tmp_path / "e.onnx").read_bytes() == before


def test_a_training_that_was_stopped_resumes_to_the_same_weights(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrain_estimator, "to_onnx", lambda _: b"")
    learn_from = pretrain_estimator.EstimatorTrainer.learn_from

    def stop_before_the_third(run, pictures, *, spent):
        if run.step == 2:
            raise RuntimeError("stopped")
        return learn_from(run, pictures, spent=spent)

    def trained() -> dict[str, torch.Tensor]:
        assert pretrain_estimator.main(command) == 0
        checkpoint = next((tmp_path / ".cache/pretrain").glob("estimator-*/last.pt"))
        return torch.load(checkpoint, weights_only=True)["average"]

    unbroken = trained()
    shutil.rmtree(tmp_path / ".cache/pretrain")
    with monkeypatch.context() as broken:
        broken.setattr(pretrain_estimator.EstimatorTrainer, "learn_from", stop_before_the_third)
        with pytest.raises(RuntimeError, match="stopped"):
            pretrain_estimator.main(command)
    resumed = trained()
    assert "step 2" in capsys.readouterr().out
    for name, weights in unbroken.items():
        assert torch.equal(weights, resumed[name]), name


def test_a_student_that_is_not_there_is_one_sentence(command, capsys):
    command[command.index("s.safetensors")] = "none.safetensors"
    assert pretrain_estimator.main(command) == 1
    assert "No weights at none.safetensors" in capsys.readouterr().err


def test_a_student_without_dials_is_one_sentence(command, tmp_path, capsys):
    checkpoints.save(tmp_path / "s.safetensors", MODELS["student_s"](), {"model": "student_s", "arguments": {}})
    assert pretrain_estimator.main(command) == 1
    assert "s.safetensors is not a student with dials. Name others with --students." in capsys.readouterr().err


def test_without_any_student_it_says_so(command, capsys):
    at = command.index("--students")
    assert pretrain_estimator.main(command[:at] + command[at + 2 :]) == 1
    assert "There is no student to learn through. Name some with --students." in capsys.readouterr().err


def test_other_students_begin_a_training_of_their_own(command, tmp_path):
    assert pretrain_estimator.main(command) == 0
    model, recipe = checkpoints.load(tmp_path / "s.safetensors")
    torch.nn.init.normal_(model.dials.out.weight, std=0.05)
    checkpoints.save(tmp_path / "s.safetensors", model, recipe)
    assert pretrain_estimator.main(command) == 0
    assert len(list((tmp_path / ".cache/pretrain").glob("estimator-*/last.pt"))) == 2
