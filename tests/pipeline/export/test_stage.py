"""The exported student answers as torch does, and its contract says all that is needed."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from making import ROOT, photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import fit
from pipeline.core.hashing import sha256
from pipeline.export import build as building
from pipeline.export.build import RealFrames, build
from pipeline.export.exported import Built, int8_loss
from pipeline.export.stage import CAMERAS, cameras_of, export, golden_input, some_frames
from pipeline.student.contract import unpack_picture
from pipeline.student.dials import Dials
from pipeline.student.engines import OnnxRuntime, to_batch, to_frame
from pipeline.student.estimator import estimator_section
from pipeline.student.runtime import load_student
from training import checkpoints
from training.models import MODELS


@pytest.fixture(scope="module")
def contract(trained_once):
    return read_json(trained_once.paths.contract, made_by="export")


@pytest.mark.parametrize("size", [(8, 8), (64, 80), (50, 38), (130, 94), (512, 640)], ids=str)
def test_onnx_agrees_with_torch_at_any_even_size(trained_once, size):
    model, _ = checkpoints.load(trained_once.paths.student)
    session = ort.InferenceSession(trained_once.paths.student_onnx, providers=["CPUExecutionProvider"])
    batch = to_batch(photo(*size))
    with torch.inference_mode():
        expected = model(torch.from_numpy(batch)).numpy()
    (answer,) = session.run(["picture"], {"frame": batch})
    assert answer.shape == (1, 3, 2 * size[0], 2 * size[1])
    assert np.abs(answer - expected).max() < 1e-4


def test_the_contract_names_what_a_runtime_needs(trained_once, contract):
    model = onnx.load(trained_once.paths.student_onnx)
    assert [tensor.name for tensor in model.graph.input] == [contract["input"]["name"]]
    assert [tensor.name for tensor in model.graph.output] == [contract["output"]["name"]]
    for tensor in (contract["input"], contract["output"]):
        assert (tensor["layout"], tensor["type"], tensor["channels"]) == ("NCHW", "float32", "RGB")
        assert tensor["range"] == [0, 1]
    sides = [dimension.dim_param for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]]
    assert all(sides), "height and width are dynamic"
    assert contract["scale"] == 2
    assert contract["model"] == "student_s"
    assert contract["geometry"] == trained_once.params.geometry.model_dump()


def test_the_contract_holds_the_hash_of_each_file(trained_once, contract):
    for name, digest in contract["files"].items():
        file = trained_once.paths.contract.with_name(name)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert contract["weights_sha256"] == sha256(trained_once.paths.student)
    assert contract["data"]["split"] == sha256(trained_once.paths.split)


def test_the_golden_answer_is_torchs_to_a_real_frame(trained_once, contract):
    model, _ = checkpoints.load(trained_once.paths.student)
    given, expected = (unpack_picture(contract["golden"][side]) for side in ("input", "output"))
    first = some_frames(trained_once.paths, trained_once.params, part="validation", count=1)[0]
    np.testing.assert_array_equal(given, golden_input(first))
    assert given.std() > 5
    with torch.inference_mode():
        answer = to_frame(model(torch.from_numpy(to_batch(given))).numpy())
    np.testing.assert_array_equal(answer, expected)


def test_the_contract_remembers_the_best_epoch(trained_once, contract):
    rows = [line.split(",") for line in trained_once.paths.training_log.read_text().splitlines()[1:]]
    assert contract["best"]["val_psnr"] == max(float(row[4]) for row in rows)


def test_the_same_student_is_exported_to_the_same_bytes_and_the_contract_holds_dvcs_hashes(trained, contract):
    before = trained.paths.student_onnx.read_bytes()
    lock = "stages: {capture: {outs: [{path: data/raw, md5: abc.dir}, {path: weights/x, md5: d}]}}"
    (trained.root / "dvc.lock").write_text(lock)
    export(trained.paths, trained.params)
    assert trained.paths.student_onnx.read_bytes() == before
    again = read_json(trained.paths.contract, made_by="export")
    assert again["data"] == contract["data"] | {"dvc.data/raw": "abc.dir"}
    assert again | {"data": contract["data"]} == contract


def test_neither_file_knows_a_path_or_a_name_of_this_machine(trained_once):
    int8 = trained_once.paths.contract.with_name("student_sr_int8.onnx")
    for file in (trained_once.paths.student_onnx, int8, trained_once.paths.contract):
        data = file.read_bytes()
        for trace in (str(ROOT), str(trained_once.root), "site-packages", "/home/", "/root/", ".py"):
            assert trace.encode() not in data, trace


def test_frames_for_parity_are_validation_frames(trained_once):
    split = read_json(trained_once.paths.split, made_by="split")["validation"]
    frames = some_frames(trained_once.paths, trained_once.params, part="validation", count=2)
    assert len(frames) == 2
    clip, stems = next(iter(split.items()))
    first = read_frame(trained_once.paths.raw / clip / f"{stems[0]}.png")
    np.testing.assert_array_equal(frames[0], fit(first, geometry=trained_once.params.geometry))


def test_a_student_that_differs_from_torch_fails_the_stage_and_leaves_no_contract(trained, monkeypatch):
    monkeypatch.setattr(building, "TORCH_MOST", 1e-12)
    with pytest.raises(SharpcamError, match=r"differs from torch by .*Try another export.opset"):
        export(trained.paths, trained.params)
    assert not trained.paths.contract.exists()


def test_the_contract_knows_the_int8_file_what_it_costs_and_its_own_known_answer(trained_once, contract):
    names = [trained_once.paths.student_onnx.name, "student_sr_int8.onnx"]
    assert sorted(contract["files"]) == sorted(names)
    assert 0 <= contract["int8"]["loss_db"] < 1
    assert contract["largest_difference_to_torch"] <= 1e-4
    rounded = load_student(trained_once.paths.contract, engine="onnxruntime-int8", threads=1)
    answer = rounded.running.enhance(unpack_picture(contract["golden"]["input"]))
    np.testing.assert_array_equal(answer, unpack_picture(contract["golden"]["output_int8"]))
    off = np.abs(answer.astype(int) - unpack_picture(contract["golden"]["output"]))
    assert off.mean() < 1


def test_what_int8_is_expected_to_cost_is_what_it_costs_against_a_reference(exported_once):
    random = np.random.default_rng(0)
    exact, rounded = exported_once.with_suffix(".onnx"), exported_once.with_name("student_sr_int8.onnx")
    frame = photo(64, 80, seed=8)
    pictures = [OnnxRuntime(file, threads=1).infer(to_batch(frame)).clip(0, 1) for file in (exact, rounded)]
    reference = pictures[0] + random.normal(0, 0.004, pictures[0].shape)
    psnr = [-10 * np.log10(np.square(picture - reference).mean()) for picture in pictures]
    made = Built(exact.read_bytes(), rounded.read_bytes(), 0.0)
    expected = int8_loss(made, [frame], val_psnr=psnr[0])["loss_db"]
    assert psnr[0] - psnr[1] == pytest.approx(expected, abs=0.02)


def test_a_student_of_one_colour_is_not_exported(trained):
    model, recipe = checkpoints.load(trained.paths.student)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    checkpoints.save(trained.paths.student, model, recipe)
    with pytest.raises(SharpcamError, match=r"a picture of one colour. Train it again"):
        export(trained.paths, trained.params)
    assert not trained.paths.contract.exists()


def test_a_student_of_no_numbers_is_not_exported(trained):
    model, recipe = checkpoints.load(trained.paths.student)
    torch.nn.init.constant_(next(model.parameters()), float("nan"))
    checkpoints.save(trained.paths.student, model, recipe)
    with pytest.raises(SharpcamError, match=r"NaN or infinite. Train it again"):
        export(trained.paths, trained.params)


def test_no_student_says_what_to_run(recorded):
    with pytest.raises(SharpcamError, match=r'No student at .*student_sr\.pth. Run "dvc repro train"'):
        export(recorded.paths, recorded.params)


def test_a_file_that_is_no_student_says_what_to_run(trained):
    trained.paths.student.write_bytes(b"no weights")
    with pytest.raises(
        SharpcamError, match=r'student_sr\.pth does not hold weights of this project .*Run "dvc repro train"'
    ):
        export(trained.paths, trained.params)


def test_another_network_is_not_exported_as_a_student(trained):
    _, recipe = checkpoints.load(trained.paths.student)
    other = MODELS["restorer"](width=8, blocks=(1, 1))
    changed = recipe | {"model": "restorer", "arguments": {"width": 8, "blocks": [1, 1]}}
    checkpoints.save(trained.paths.student, other, changed)
    with pytest.raises(SharpcamError, match="is a restorer, and a student is expected"):
        export(trained.paths, trained.params)


@pytest.fixture(scope="module")
def with_dials(dialled_once):
    return read_json(dialled_once, made_by="export")


def test_a_student_with_dials_is_exported_as_it_is_at_neutral(dialled_once, dialled_checkpoint, with_dials):
    model, _ = checkpoints.load(dialled_checkpoint)
    batch = to_batch(photo(50, 38))
    with torch.inference_mode():
        expected = model(torch.from_numpy(batch)).numpy()
    answer = OnnxRuntime(dialled_once.with_suffix(".onnx"), threads=1).infer(batch)
    assert np.abs(answer - expected).max() < 1e-4
    assert with_dials["format"] == 2
    assert [layer["name"] for layer in with_dials["dials"]["layers"]] == [name for name, _ in model.modulated()]


def test_the_contract_knows_an_answer_at_strong_dials(dialled_checkpoint, with_dials):
    model, _ = checkpoints.load(dialled_checkpoint)
    golden = with_dials["golden"]
    batch = torch.from_numpy(to_batch(unpack_picture(golden["input"])))
    with torch.inference_mode():
        answer = to_frame(model.folded(torch.tensor(golden["strong"]["dials"]))(batch).numpy())
    np.testing.assert_array_equal(answer, unpack_picture(golden["strong"]["output"]))
    assert np.abs(answer.astype(int) - unpack_picture(golden["output"])).mean() > 2


def test_the_contract_knows_what_int8_costs_in_the_worst_corner(with_dials):
    loss = with_dials["int8"]
    assert 0 <= loss["loss_db"] < 1
    assert loss["worst"]["loss_db"] < 1
    assert set(loss["worst"]["dials"]) <= {0, 1}


@pytest.mark.parametrize("arguments", [{"clean": True}, {}], ids=str)
def test_weights_of_zero_keep_their_place_in_the_file(arguments):
    """torch's exporter drops biases of zero, as those of an untrained tail, and lets equal ones be one."""
    model = MODELS["student_s"](dials=True, **arguments).eval()
    for name, convolution in model.modulated():
        torch.nn.init.constant_(convolution.bias, 0 if name in ("tail", "head") else 0.01)
    torch.nn.init.normal_(model.tail.weight, std=0.02)
    torch.nn.init.normal_(model.dials.out.weight, std=0.05)
    frames = RealFrames([photo(64, 80)], [photo(64, 80, seed=1)])
    made = build(model, frames, opset=18)
    setting = Dials(0.9, 0.2, 0.6, 1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(to_batch(photo(64, 80))), torch.tensor([setting])).numpy()
    answer = OnnxRuntime(made.folding.fold_float(made.exact, setting), threads=1).infer(to_batch(photo(64, 80)))
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    assert (made.web is None) is bool(arguments)
    if web := made.web_at(setting):
        in_levels = 255 * expected[0].transpose(1, 2, 0).clip(0, 1)
        assert np.abs(web.enhance(photo(64, 80)) - in_levels).mean() < 1


def test_what_is_not_an_estimator_is_not_exported(dialled_once):
    student = dialled_once.with_suffix(".onnx").read_bytes()
    for data in (b"", b"no model", student):
        with pytest.raises(SharpcamError, match=r"is not an ONNX file with prior_weights .JSON. in its metadata"):
            estimator_section(data, photo(64, 80))
    model = onnx.load_from_string(student)
    onnx.helper.set_model_props(model, {"prior_weights": "[1, 1, 1, 1]"})
    with pytest.raises(SharpcamError, match="estimator cannot read a frame"):
        estimator_section(model.SerializeToString(), photo(64, 80))


def test_a_copied_student_runs_elsewhere(trained_once, tmp_path):
    for file in (trained_once.paths.student_onnx, trained_once.paths.contract):
        shutil.copy(file, tmp_path)
    student = load_student(tmp_path / "student_sr.json", engine="onnxruntime-fp32")
    assert student.enhance(photo(60, 80)).shape == (128, 160, 3)
    assert json.loads((tmp_path / "student_sr.json").read_text())["format"] == 1


def test_the_cameras_of_a_student_are_some_of_those_that_it_was_trained_with():
    assert cameras_of({"model": "student_s"}) == []
    dials = {f"clip-{index}": Dials(index / 20, 0, 0, 0)._asdict() for index in range(20)}
    found = cameras_of({"dials": dials | {"again": dials["clip-0"]}})
    assert len(found) == CAMERAS
    assert found[0] == Dials(0, 0, 0, 0)
    assert found == sorted(set(found))


def test_int8_is_calibrated_at_the_dials_of_its_cameras(dialled_checkpoint):
    model, _ = checkpoints.load(dialled_checkpoint)
    frames = RealFrames([photo(64, 80, seed=seed) for seed in range(4)], [photo(64, 80, seed=9)])
    cameras = [Dials(0.6, 0.5, 0, 0.4), Dials(0, 0, 0, 0)]
    of_all, own, again = (build(model, frames, opset=18, cameras=each) for each in ([], cameras, cameras))
    assert own.exact == of_all.exact
    assert own.int8 != of_all.int8
    assert own.int8 == again.int8
    asked = (cameras, cameras[:1], cameras[1:])
    both, *each = (int8_loss(own, frames.parity, cameras=some, val_psnr=50)["loss_db"] for some in asked)
    assert min(each) < both < max(each)
