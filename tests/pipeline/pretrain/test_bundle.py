"""Any checkpoint of a student becomes the files of a bundled one."""

from pathlib import Path

import pytest
from making import ROOT, brightness_estimator, photo

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import write_frame
from pipeline.pretrain.bundle import bundle, estimator_of
from pipeline.student.contract import read_contract
from pipeline.student.runtime import load_student
from pipeline.student.student import start_web
from training import checkpoints


@pytest.fixture
def frames(project):
    for index in range(4):
        write_frame(project.root / "frames/clip" / f"{index:06d}.png", photo(60, 80, seed=index))
    return project.root / "frames"


def test_a_checkpoint_becomes_weights_onnx_int8_and_a_contract(project, frames, checkpoint):
    said = bundle("student_x", checkpoint, frames, project.paths.bundled)
    assert "int8 costs" in said
    names = {file.name for file in project.paths.bundled.iterdir()}
    assert names == {"student_x.safetensors", "student_x.onnx", "student_x_int8.onnx", "student_x.json"}
    kept, original = (checkpoints.read(file) for file in (project.paths.bundled / "student_x.safetensors", checkpoint))
    assert kept.recipe == original.recipe
    student = load_student(project.paths.bundled / "student_x.json", engine="openvino-int8", threads=1)
    picture = student.enhance(photo(60, 80))
    assert picture.shape == (128, 160, 3)
    assert picture.std() > 5


def test_what_pretraining_left_gets_a_model_card(project, frames, checkpoint, tmp_path):
    model, recipe = checkpoints.load(checkpoint)
    pretrained = recipe | {
        "best": {"val_psnr": 31.5, "val_psnr_bicubic": 30.25},
        "training": {"batch_size": 2, "crop_px": 16, "drawings": 4, "validation_frames": 3, "held_out": ["apart"]},
        "steps": 1234,
        "minutes": None,
        "photographs": 2,
        "sources": {"CC0, a": 2},
        "held_out": ["apart.png"],
    }
    del pretrained["geometry"]  # pretraining knows none: that of params.yaml
    checkpoints.save(tmp_path / "copy.safetensors", model, pretrained)
    bundle("student_x", tmp_path / "copy.safetensors", frames, project.paths.bundled)
    text = (project.paths.bundled / "student_x.md").read_text()
    for words in (
        "1,234 steps of 2 crops of 16x16.",
        "2 photographs and 4 drawn pictures",
        "| CC0, a | 2 |",
        "`apart`",
        "| 30.25 dB | **31.50 dB** |",
    ):
        assert words in text


def test_a_student_with_dials_is_bundled_with_its_estimator(project, frames, dialled_checkpoint):
    said = bundle("student_d", dialled_checkpoint, frames, project.paths.bundled, estimator=brightness_estimator())
    assert "in the corners of its dials, set by its estimator" in said
    student = load_student(project.paths.bundled / "student_d.json", engine="onnxruntime-int8", threads=1)
    assert student.estimate([photo(64, 80)]) != student.dials
    assert start_web(read_contract(project.paths.bundled / "student_d.json")).enhance(photo(60, 80)).std() > 5
    with pytest.raises(SharpcamError, match=r"No estimator at none\.onnx\. Name an ONNX file"):
        estimator_of(Path("none.onnx"))


def test_a_folder_without_frames_is_said(project, checkpoint):
    with pytest.raises(SharpcamError, match="has 0 PNG files, two at least are needed"):
        bundle("student_x", checkpoint, project.root / "nothing", project.paths.bundled)


def test_weights_of_unknown_quality_are_said(project, frames, checkpoint, tmp_path):
    model, recipe = checkpoints.load(checkpoint)
    checkpoints.save(tmp_path / "copy.safetensors", model, recipe | {"best": {}})
    with pytest.raises(SharpcamError, match="has no best val_psnr"):
        bundle("student_x", tmp_path / "copy.safetensors", frames, project.paths.bundled)
    assert not (project.paths.bundled / "student_x.json").exists()


CARDS = sorted([*ROOT.glob("weights/bundled/student_*.md"), *ROOT.glob("weights/bundled/files/student_*.md")])


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.parent.name}-{card.stem}")
def test_a_card_that_ships_names_the_licence_of_every_photograph(card):
    text = card.read_text()
    table = text.partition("| licence and source | photographs |\n| --- | --- |\n")[2].partition("\n\n")[0]
    counted = sum(int(line.split("|")[-2]) for line in table.splitlines())
    assert f"\n{counted} photographs and " in text
