"""The benchmark on bicubic pairs: it trains, goes on, and measures what it trained."""

import cv2
import pytest
import torch
from making import ROOT
from skimage import data

from benchmarks import bicubic_sr
from training import checkpoints


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "cat.png"), data.chelsea()[..., ::-1])
    return folder


def test_it_trains_goes_on_and_measures(photos, capsys):
    arguments = ["--photos", str(photos), "--models", "student_s", "--threads", "1"]
    assert bicubic_sr.main([*arguments, "--steps", "2"]) == 0
    assert bicubic_sr.main([*arguments, "--steps", "4", "--test", str(photos)]) == 0
    printed = capsys.readouterr().out
    assert "goes on at step 2" in printed
    assert "student_s: 4 training steps" in printed
    assert "| bicubic | student_s |" in printed


def test_another_way_of_training_does_not_go_on_with_the_weights_of_the_last(photos, capsys, monkeypatch):
    arguments = ["--photos", str(photos), "--models", "student_s", "--threads", "1"]
    assert bicubic_sr.main([*arguments, "--steps", "2"]) == 0
    monkeypatch.setattr(bicubic_sr, "LUMA_SHARE", 0.5)
    assert bicubic_sr.main([*arguments, "--steps", "4"]) == 0
    assert "goes on" not in capsys.readouterr().out


def test_the_form_for_camera_frames_is_trained_beside_the_shipped_one(photos, tmp_path):
    arguments = ["--photos", str(photos), "--models", "student_s", "--threads", "1", "--steps", "2"]
    assert bicubic_sr.main([*arguments, "--form", "camera", "--weights", str(tmp_path / "camera")]) == 0
    model, recipe = checkpoints.load(tmp_path / "camera/student_s.safetensors")
    assert (model.fold, recipe["arguments"]) == (2, {"clean": False})
    assert not (tmp_path / bicubic_sr.SHIPPED).exists()


def test_bicubic_scores_what_an_untrained_bilinear_start_cannot(photos):
    pictures = bicubic_sr.pictures_in(photos)
    torch.manual_seed(0)
    assert bicubic_sr.score(bicubic_sr.Bicubic(), pictures) > bicubic_sr.score(
        bicubic_sr.MODELS["student_s"](), pictures
    )


def test_a_folder_without_pictures_is_one_sentence(tmp_path, capsys):
    assert bicubic_sr.main(["--test", str(tmp_path)]) == 1
    assert "No pictures in" in capsys.readouterr().err


def test_weights_that_ship_are_of_the_form_for_clean_pictures(photos):
    """And they are far above bicubic on a picture that they never saw."""
    pictures = bicubic_sr.pictures_in(photos)
    enlarged = bicubic_sr.score(bicubic_sr.Bicubic(), pictures)[0]
    for name in bicubic_sr.FAMILY:
        model, recipe = checkpoints.load(ROOT / bicubic_sr.SHIPPED / f"{name}.safetensors")
        assert (recipe["model"], recipe["arguments"]) == (name, {"clean": True})
        assert bicubic_sr.score(model, pictures)[0] > enlarged + 1
