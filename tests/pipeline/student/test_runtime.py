"""Nothing runs unless its contract holds, and whatever does not fit is said in a sentence."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from making import ROOT, photo
from onnx import TensorProto, helper, numpy_helper

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.hashing import sha256
from pipeline.student import runtime
from pipeline.student.dials import Dials
from pipeline.student.engines import ENGINES, REFERENCE
from pipeline.student.packing import pack_array, unpack_array
from pipeline.student.runtime import load_student
from pipeline.student.student import TOLERANCE


@pytest.fixture
def change(exported):
    """Change the exported student of the test's own; its contract's hashes follow."""

    def change(*, model=None, int8=None, **contract):
        content = read_json(exported, made_by="export")
        for name, data in ((f"{exported.stem}.onnx", model), (f"{exported.stem}_int8.onnx", int8)):
            if data is not None:
                exported.with_name(name).write_bytes(data)
            content["files"][name] = sha256(exported.with_name(name))
        write_json(exported, content | contract)
        return exported

    return change


@pytest.fixture(scope="module")
def student(exported_once):
    return load_student(exported_once, engine=REFERENCE, threads=1)


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


@pytest.mark.parametrize("engine", ["auto", "onnxruntime-fp32", "openvino-fp32"])
def test_a_missing_model_says_what_to_run(exported, engine):
    exported.with_suffix(".onnx").unlink()
    with pytest.raises(SharpcamError, match=r'No student at .*student_sr\.onnx. Run "dvc repro export", or "dvc pull"'):
        load_student(exported, engine=engine)


@pytest.mark.parametrize("suffix", [".onnx", "_int8.onnx"])
def test_a_model_that_was_changed_is_refused(exported, suffix):
    file = exported.with_name(f"{exported.stem}{suffix}")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(SharpcamError, match=r"is not the file of its contract .its hash differs.. Run"):
        load_student(exported, engine="openvino-int8" if "int8" in suffix else "auto")


@pytest.mark.parametrize("engine", ["auto", "openvino-fp32"])
@pytest.mark.parametrize("data", [b"", b"no model", bytes(1000)])
def test_what_is_no_model_is_refused(change, data, engine):
    with pytest.raises(SharpcamError, match=r"(is not a model that .* can run|fails its known-answer)"):
        load_student(change(model=data), engine=engine)


@pytest.mark.parametrize("engine", ["auto", "openvino-fp32"])
@pytest.mark.parametrize("model", [enlarging(1), enlarging(2), enlarging(3), enlarging(2, name="x")])
def test_a_model_that_is_not_the_student_fails_its_known_answer(change, model, engine):
    with pytest.raises(SharpcamError, match=r"student_sr\.onnx fails its known-answer test"):
        load_student(change(model=model), engine=engine)


@pytest.mark.parametrize("engine", ["auto", "openvino-fp32", "openvino-bf16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_weights_that_are_no_numbers_fail_the_known_answer(change, exported, value, engine):
    if missing := ENGINES.get(engine, ENGINES[REFERENCE]).missing():
        pytest.skip(missing)
    model = with_weights(exported.with_suffix(".onnx"), value)
    with pytest.raises(SharpcamError, match=r"student_sr\.onnx fails its known-answer test"):
        load_student(change(model=model), engine=engine)


def test_answers_that_are_no_numbers_are_not_shown(exported_once):
    class Broken:
        def run(self, *_):
            return [np.full((1, 3, 128, 160), np.nan, np.float32)]

    student = load_student(exported_once, engine=REFERENCE, threads=1)
    student.running.session = Broken()
    with pytest.raises(SharpcamError, match=r"values that are NaN or infinite. Take another model"):
        student.enhance(photo(60, 80))


def test_an_unknown_engine_lists_those_there_are(exported_once):
    with pytest.raises(SharpcamError, match=r'no engine "x"; there are: auto, onnxruntime-fp32'):
        load_student(exported_once, engine="x")


def test_an_engine_that_cannot_run_here_says_why(exported_once, monkeypatch):
    monkeypatch.setitem(ENGINES, "openvino-fp32", ENGINES["openvino-fp32"]._replace(library="no_such_library"))
    with pytest.raises(SharpcamError, match=r'"openvino-fp32" cannot run here: no_such_library is not installed'):
        load_student(exported_once, engine="openvino-fp32")


def test_a_student_without_int8_says_so_and_runs_without(exported):
    content = read_json(exported, made_by="export")
    del content["files"]["student_sr_int8.onnx"]
    del content["int8"]
    write_json(exported, content)
    with pytest.raises(SharpcamError, match="has no int8 form"):
        load_student(exported, engine="openvino-int8")
    assert not load_student(exported).engine.endswith("int8")


def with_loss(contract, loss_db):
    write_json(contract, read_json(contract, made_by="export") | {"int8": {"loss_db": loss_db}})
    return contract


def notes(contract):
    return list((contract.parents[1] / ".cache/engines").glob("*.json"))


def test_the_fastest_engine_that_keeps_the_quality_is_measured_once_and_remembered(exported, monkeypatch):
    measured = []

    def frame_ms(student, *, best):
        measured.append(student.engine)
        return {"onnxruntime-fp32": 9.0, "openvino-fp32": 5.0}.get(student.engine, 7.0) * student.threads

    monkeypatch.setattr(runtime, "frame_ms", frame_ms)
    monkeypatch.setattr(runtime, "cores", lambda: 2)
    student = load_student(exported)
    assert (student.engine, student.threads) == ("openvino-fp32", 1)
    assert {"onnxruntime-fp32", "onnxruntime-int8", "openvino-fp32", "openvino-int8"} <= set(measured)
    assert "openvino-bf16" not in measured
    (note,) = notes(exported)
    assert read_json(note, made_by="")["measured_ms"]["onnxruntime-fp32"] == 18.0
    measured.clear()
    again = load_student(exported)
    assert (again.engine, again.threads, measured) == ("openvino-fp32", 1, [])
    load_student(exported, threads=2)
    assert measured, "another number of threads is another question"


@pytest.mark.parametrize(("loss_db", "chosen"), [(0.15, True), (0.16, False)])
def test_int8_is_chosen_only_where_the_contract_says_that_it_costs_little(exported, monkeypatch, loss_db, chosen):
    monkeypatch.setattr(runtime, "frame_ms", lambda student, **_: 1.0 if "int8" in student.engine else 2.0)
    student = load_student(with_loss(exported, loss_db), threads=1)
    assert student.engine.endswith("int8") is chosen


def test_an_engine_that_fails_is_left_out_and_said(change, exported, caplog):
    broken = with_weights(exported.with_suffix(".onnx"), 0.0)
    student = load_student(change(int8=broken), threads=1)
    assert student.engine in ("onnxruntime-fp32", "openvino-fp32")
    assert set(student.skipped) == {"onnxruntime-int8", "openvino-int8"}
    assert "openvino-int8 is left out" in caplog.text
    assert load_student(exported, threads=1).skipped == student.skipped


def test_a_remembered_choice_that_cannot_run_any_more_is_measured_again(exported, monkeypatch):
    first = load_student(exported, threads=1)
    (note,) = notes(exported)
    write_json(note, {"engine": "onnxruntime-cuda", "threads": 1, "skipped": {}, "measured_ms": {}})
    assert load_student(exported, threads=1).engine in ENGINES
    note.write_text("no json")
    assert load_student(exported, threads=1).engine in ENGINES
    assert first.threads == 1


def test_a_picture_is_written_where_it_is_asked_for(student):
    out = np.zeros((128, 160, 3), np.uint8)
    assert student.enhance(photo(60, 80), out) is out
    np.testing.assert_array_equal(out, student.enhance(photo(60, 80)))


SETTING = Dials(0.9, 0.1, 0.4, 0.8)


@pytest.mark.parametrize("engine", ["onnxruntime-fp32", "onnxruntime-int8", "openvino-fp32", "openvino-int8"])
def test_a_student_set_to_other_dials_answers_in_every_engine_as_in_the_reference(dialled_once, engine):
    frame = photo(60, 80)
    reference = load_student(dialled_once, engine=REFERENCE, threads=1)
    student = load_student(dialled_once, engine=engine, threads=1).with_dials(SETTING)
    assert student.dials == SETTING
    picture = student.enhance(frame).astype(int)
    off = np.abs(picture - reference.with_dials(SETTING).enhance(frame))
    assert off.max() <= 2 * TOLERANCE[ENGINES[engine].precision]
    assert off.mean() < 1
    assert np.abs(picture - reference.enhance(frame)).mean() > 1, "the dials do something"


def test_a_setting_that_was_used_just_now_stays_ready(dialled_once):
    student = load_student(dialled_once, engine=REFERENCE, threads=1)
    assert student.with_dials(SETTING).running is student.with_dials(SETTING).running
    assert student.turned(noise=0.5).dials == student.dials._replace(noise=0.5)


def test_a_student_of_format_1_has_no_dials_and_runs_as_before(student):
    assert (student.dials, student.estimate([photo(64, 64)])) == (None, None)
    with pytest.raises(SharpcamError, match=r"This student has no dials: .* Choose another model\."):
        student.with_dials(SETTING)
    with pytest.raises(SharpcamError, match=r"This student has no dials"):
        student.turned(noise=0.1)


def test_a_student_estimates_with_the_network_of_its_contract(dialled_once):
    student = load_student(dialled_once, engine=REFERENCE, threads=1)
    bright = np.full((64, 64, 3), 200, np.uint8)
    bright[::2] = 210
    assert student.estimate([bright]) == Dials(*(round((n + 205 / 255) / 2, 2) for n in student.dials))


@pytest.mark.parametrize("engine", ["onnxruntime-fp32", "openvino-int8"])
def test_dials_that_fold_otherwise_than_they_were_exported_fail_the_known_answer(dialled, engine):
    content = read_json(dialled, made_by="export")
    perceptron = content["dials"]["perceptron"]
    perceptron["out_weight"] = pack_array(3 * unpack_array(perceptron["out_weight"]))
    write_json(dialled, content)
    with pytest.raises(SharpcamError, match="fails its known-answer test with strong dials"):
        load_student(dialled, engine=engine, threads=1)


@pytest.mark.parametrize("engine", ["onnxruntime-fp32", "onnxruntime-int8"])
def test_dials_that_lie_outside_of_the_file_are_a_sentence(dialled, engine):
    content = read_json(dialled, made_by="export")
    content["dials"]["layers"][3]["float"]["weight"] = content["dials"]["layers"][3]["int8"]["bias_scale"] = 10**9
    write_json(dialled, content)
    with pytest.raises(SharpcamError, match="The contract's dials lie behind the end of its ONNX file"):
        load_student(dialled, engine=engine, threads=1)


def test_a_student_with_dials_and_without_an_estimator_stays_where_it_is_set(dialled):
    content = read_json(dialled, made_by="export")
    del content["estimator"]
    write_json(dialled, content)
    student = load_student(dialled, engine=REFERENCE, threads=1)
    assert student.estimate([photo(64, 64)]) is None
    assert student.dials == Dials(*content["dials"]["neutral"])


def test_running_a_student_loads_no_torch():
    code = "import sys, pipeline.student.runtime; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
