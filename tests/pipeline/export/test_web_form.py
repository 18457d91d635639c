"""The web form's file holds what the int8 file holds, students that have none get none, and DVC has its output."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipeline.core.files import read_json
from pipeline.core.hashing import sha256
from pipeline.export.stage import export
from pipeline.export.web_form import has_web_form, rounded
from pipeline.student.contract import read_contract
from pipeline.student.web_form import WebForm
from training import checkpoints
from training.models import MODELS
from training.models.student import StudentSR


@pytest.fixture(scope="module")
def contract(dialled_once):
    return read_contract(dialled_once)


@pytest.fixture(scope="module")
def form(contract):
    return WebForm(contract.schema.web, contract.schema.dials, contract.file_of("web").read_bytes())


def test_the_contract_holds_the_hash_of_the_file_and_what_lies_where(contract):
    file, section = contract.file_of("web"), contract.schema.web
    assert file.name == f"{contract.file.stem}_web.bin"
    assert contract.content["files"][file.name] == sha256(file)
    ends = [0]
    for layer in section.layers:
        levels = int(np.prod(layer.weights.shape)) * np.dtype(layer.weights.type).itemsize
        for at, size in ((layer.weights.offset, levels), (layer.scale, 4 * layer.weights.shape[0])):
            assert at - ends[-1] in range(16), "one after the other"
            ends.append(at + size)
        assert layer.bias - ends[-1] in range(16)
        ends.append(layer.bias + 4 * layer.weights.shape[0])
    assert ends[-1] == file.stat().st_size


def test_3x3_convolutions_multiply_by_the_levels_of_the_int8_file(contract, form):
    model = onnx.load(contract.file_of("int8"))
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    levels = [array for name, array in arrays.items() if name.endswith("_weight_levels") and array.shape[-1] == 3]
    scales = [arrays[name.replace("_levels", "_scale")] for name in arrays if name.endswith("_weight_levels")]
    of_3x3 = [layer for layer in form.layers.values() if layer.weights.shape[1] == 3]
    assert len(of_3x3) == len(levels)
    for layer in of_3x3:
        assert any(np.array_equal(layer.weights.transpose(0, 3, 1, 2), array) for array in levels)
        assert any(np.array_equal(layer.scale, scale) for scale in scales)


def test_what_meets_the_frame_is_rounded_to_16_bits(dialled_checkpoint, form):
    model, _ = checkpoints.load(dialled_checkpoint)
    for name in ("head", "skip"):
        exact = getattr(model, name).weight.detach().numpy().transpose(0, 2, 3, 1)
        layer = form.layers[name]
        error = np.abs(layer.weights * layer.scale[:, None, None, None] - exact)
        assert (error <= 0.51 * layer.scale[:, None, None, None]).all()
        assert np.abs(layer.weights).max() == 32767


def test_a_channel_of_zeros_stays_one():
    levels, scale = rounded(np.zeros((2, 3, 4, 4), np.float32))
    assert not levels.any()
    assert (scale > 0).all()


def test_biases_are_those_of_the_student(dialled_checkpoint, form):
    model, _ = checkpoints.load(dialled_checkpoint)
    for name, convolution in [*model.modulated(), ("skip", model.skip)]:
        np.testing.assert_array_equal(form.layers[name].bias, convolution.bias.detach().numpy().astype(np.float64))


@pytest.mark.parametrize(
    ("model", "has_it"),
    [
        (MODELS["student_s"](dials=True), True),
        (MODELS["student_l"](dials=True), True),
        (MODELS["student_s"](), False),
        (MODELS["student_s"](dials=True, clean=True), False),
        (StudentSR(channels=16, blocks=2, fold=2, rectified=True, dials=True), False),
        (StudentSR(channels=24, blocks=2, fold=2, dials=True), False),
        (MODELS["student_original"](), False),
    ],
)
def test_the_form_for_live_video_with_dials_has_a_web_form(model, has_it):
    assert has_web_form(model) is has_it


def test_a_student_without_the_form_has_an_empty_file_for_dvc(trained):
    contract, file = trained.paths.contract, trained.paths.contract.with_name("student_sr_web.bin")
    assert file.read_bytes() == b""
    file.write_bytes(b"of the student before")
    export(trained.paths, trained.params)
    assert file.read_bytes() == b""
    content = read_json(contract, made_by="export")
    assert file.name not in content["files"]
    assert "web" not in content
    assert "output_web" not in content["golden"]
