"""Nothing runs unless its contract holds, and whatever does not fit is said in a sentence."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from making import ROOT, photo
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import SharpcamError
from pipeline.files import read_json, write_json
from pipeline.runtime import load_student, pack_picture, sha256, to_batch, to_frame, unpack_picture


@pytest.fixture
def change(trained):
    """Change the exported student of a project of the test's own; its contract's hash follows."""

    def change(*, model=None, **contract):
        if model is not None:
            trained.paths.student_onnx.write_bytes(model)
        content = read_json(trained.paths.contract, made_by="export")
        content["files"] = {trained.paths.student_onnx.name: sha256(trained.paths.student_onnx)}
        write_json(trained.paths.contract, content | contract)
        return trained.paths.contract

    return change


@pytest.fixture(scope="module")
def student(trained_once):
    return load_student(trained_once.paths.contract)


def enlarging(scale, *, name="frame"):
    """A valid ONNX model that is no student of the contract."""
    frame, picture = (
        helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, 3, "h", "w"]) for tensor in (name, "picture")
    )
    scales = numpy_helper.from_array(np.float32([1, 1, scale, scale]), "scales")
    node = helper.make_node("Resize", [name, "", "scales"], ["picture"], mode="nearest")
    graph = helper.make_graph([node], "other", [frame], [picture], [scales])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def with_weights(file, value):
    model = onnx.load(file)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.ndim == 4:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, value), tensor.name))
    return model.SerializeToString()


@pytest.mark.parametrize("size", [(80, 60), (640, 480), (61, 83), (9, 300), (1, 1)], ids=str)
def test_a_frame_of_any_size_becomes_a_picture_of_the_targets_size(student, size):
    picture = student.enhance(photo(size[1], size[0]))
    assert picture.shape == (128, 160, 3)
    assert picture.dtype == np.uint8


def test_the_network_alone_takes_any_even_size_and_doubles_it(student):
    for height, width in ((8, 8), (50, 38), (64, 80)):
        assert student.infer(to_batch(photo(height, width))).shape == (1, 3, 2 * height, 2 * width)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((60, 80), np.uint8),
        np.zeros((60, 80, 1), np.uint8),
        np.zeros((60, 80, 4), np.uint8),
        np.zeros((60, 80, 3), np.float32),
        np.zeros((60, 80, 3), np.uint16),
        np.zeros((0, 80, 3), np.uint8),
        np.zeros((60, 0, 3), np.uint8),
        np.zeros((1, 60, 80, 3), np.uint8),
    ],
    ids=lambda frame: f"{frame.shape} {frame.dtype}",
)
def test_what_is_no_frame_is_refused_in_words(student, frame):
    with pytest.raises(SharpcamError) as caught:
        student.enhance(frame)
    assert str(frame.shape) in str(caught.value)
    assert str(frame.dtype) in str(caught.value)
    assert str(caught.value).endswith("Convert it.")


def test_no_contract_says_what_to_run(project):
    with pytest.raises(SharpcamError, match=r'No .*student_sr\.json. Run "dvc repro export" first'):
        load_student(project.paths.contract)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', "null"])
def test_what_is_no_contract_says_what_to_run(project, text):
    project.paths.contract.parent.mkdir()
    project.paths.contract.write_text(text)
    with pytest.raises(SharpcamError, match=r'student_sr\.json .*"dvc repro export"'):
        load_student(project.paths.contract)


def test_a_missing_model_says_what_to_run(trained):
    trained.paths.student_onnx.unlink()
    with pytest.raises(SharpcamError, match=r'No student at .*student_sr\.onnx. Run "dvc repro export", or "dvc pull"'):
        load_student(trained.paths.contract)


def test_a_model_that_was_changed_is_refused(trained):
    data = bytearray(trained.paths.student_onnx.read_bytes())
    data[-1] ^= 1
    trained.paths.student_onnx.write_bytes(data)
    with pytest.raises(SharpcamError, match=r"is not the file of its contract .its hash differs.. Run"):
        load_student(trained.paths.contract)


@pytest.mark.parametrize("data", [b"", b"no model", bytes(1000)])
def test_what_is_no_model_is_refused(change, data):
    with pytest.raises(SharpcamError, match=r"(is no model that ONNX Runtime can run|fails its known-answer)"):
        load_student(change(model=data))


@pytest.mark.parametrize("model", [enlarging(1), enlarging(2), enlarging(3), enlarging(2, name="x")])
def test_a_model_that_is_not_the_student_fails_its_known_answer(change, model):
    with pytest.raises(SharpcamError, match=r"student_sr\.onnx fails its known-answer test"):
        load_student(change(model=model))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_weights_that_are_no_numbers_fail_the_known_answer(change, trained, value):
    model = with_weights(trained.paths.student_onnx, value)
    with pytest.raises(SharpcamError, match=r"student_sr\.onnx fails its known-answer test"):
        load_student(change(model=model))


def test_answers_that_are_no_numbers_are_not_shown(student):
    class Broken:
        def run(self, *_):
            return [np.full((1, 3, 128, 160), np.nan, np.float32)]

    with pytest.raises(SharpcamError, match=r"values that are no numbers. Take another model"):
        replace(student, _session=Broken()).enhance(photo(60, 80))


def test_a_packed_picture_comes_back():
    picture = photo(12, 17)
    np.testing.assert_array_equal(unpack_picture(pack_picture(picture)), picture)


def test_a_frame_goes_to_a_batch_and_back_and_is_clamped_once():
    frame = photo(12, 17)
    batch = to_batch(frame)
    assert batch.shape == (1, 3, 12, 17)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(to_frame(batch), frame)
    assert set(np.unique(to_frame(np.float32([-5, 0.5, 7]).reshape(1, 3, 1, 1)))) == {0, 128, 255}


def test_running_a_student_loads_no_torch():
    code = "import sys, pipeline.runtime; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
