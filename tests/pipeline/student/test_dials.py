"""Dials fold into the bytes of a student's files as they fold in torch, and what does not fit is a sentence."""

from itertools import product

import numpy as np
import pytest
import torch
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.student.dials import Dials, DialSection, checked, describe, rounded
from pipeline.student.engines import OnnxRuntime, to_batch
from pipeline.student.packing import pack_array, unpack_array
from training import checkpoints
from training.models import dials as learned

SETTINGS = [Dials(0, 0, 0, 0), Dials(1, 1, 1, 1), Dials(1, 0, 1, 0), Dials(0.9, 0.3, 0.1, 0.8)]


@pytest.fixture(scope="module")
def section(dialled_once):
    return DialSection.model_validate(read_json(dialled_once, made_by="export")["dials"])


@pytest.fixture(scope="module")
def files(dialled_once):
    return dialled_once.with_suffix(".onnx").read_bytes(), dialled_once.with_name("student_d_int8.onnx").read_bytes()


@pytest.fixture(scope="module")
def model(dialled_checkpoint):
    return checkpoints.load(dialled_checkpoint)[0]


def psnr(one, other):
    return 10 * np.log10(1 / np.mean(np.square(one - other, dtype=np.float64)))


def test_the_dials_are_those_that_students_learn():
    assert Dials._fields == learned.DIALS


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_folded_float_file_answers_as_torch_at_these_dials(section, files, model, setting):
    batch = to_batch(photo(64, 80, seed=9))
    with torch.inference_mode():
        expected = model(torch.from_numpy(batch), torch.tensor([setting])).numpy()
        folded = model.folded(torch.tensor(setting))(torch.from_numpy(batch)).numpy()
    answer = OnnxRuntime(section.fold_float(files[0], setting), threads=1).infer(batch)
    np.testing.assert_allclose(answer, folded, atol=1e-5)
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    assert np.abs(answer - OnnxRuntime(files[0], threads=1).infer(batch)).max() > 0.01  # the dials do something


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_folded_int8_file_answers_nearly_as_the_float_one(section, files, setting):
    for seed in (11, 12):
        batch = to_batch(photo(96, 64, seed=seed))
        exact = OnnxRuntime(section.fold_float(files[0], setting), threads=1).infer(batch)
        rounded_ = OnnxRuntime(section.fold_int8(files[1], setting), threads=1).infer(batch)
        assert psnr(exact, rounded_) > 45


def test_files_are_folded_to_neutral_as_they_are(section, files):
    neutral = Dials(*section.neutral)
    assert section.fold_float(files[0], neutral) == files[0]
    assert section.fold_int8(files[1], neutral) == files[1]


def test_factors_are_positive_wherever_dials_stand(section):
    for setting in product((0, 0.5, 1), repeat=4):
        assert all((turn.factor > 0).all() for turn in section.turns(Dials(*setting)))


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_dial_out_of_range_is_a_sentence(section, files, value):
    with pytest.raises(SharpcamError, match=r"The dial noise goes from 0 to 1, and .* was asked for\. Choose"):
        section.fold_float(files[0], Dials(0.5, value, 0.5, 0.5))


def test_a_file_that_ends_before_its_weights_is_a_sentence(section, files):
    for fold, data in ((section.fold_float, files[0]), (section.fold_int8, files[1])):
        with pytest.raises(SharpcamError, match=r"lie behind the end of its ONNX file .* Run"):
            fold(data[:500], Dials(1, 1, 1, 1))


def test_what_is_found_is_said_for_people():
    told = describe(Dials(0.31, 0.62, 0.05, 0.44))
    assert told == "a little blurred, noisy, compressed (blur 0.31, noise 0.62, sharpening 0.05, compression 0.44)"
    assert describe(Dials(0, 0, 0.8, 0)).startswith("very sharpened (")
    assert describe(Dials(0, 0, 0, 0)).startswith("clean (")


def test_dials_are_as_fine_as_they_are_shown():
    assert rounded(np.array([0.123456, -1, 2, 0.5])) == Dials(0.12, 0, 1, 0.5)
    assert checked(Dials(0.12, 0, 1, 0.5)) == Dials(0.12, 0, 1, 0.5)


def test_a_packed_array_comes_back_and_others_do_not():
    array = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_array_equal(unpack_array(pack_array(array)), array)
    for packed in (
        None,
        {},
        {"shape": [4], "base64": "AAAA"},
        {"shape": [1], "base64": "?"},
        pack_array(np.inf * array),
    ):
        with pytest.raises(ValueError, match="this"):
            unpack_array(packed)
