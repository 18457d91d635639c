"""A contract is read strictly, and says what is wrong with it."""

import numpy as np
import pytest
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.student.contract import pack_picture, unpack_picture
from pipeline.student.runtime import load_student


def test_no_contract_says_what_to_run(tmp_path):
    with pytest.raises(SharpcamError, match=r'No .*student_sr\.json. Run "dvc repro export" first'):
        load_student(tmp_path / "student_sr.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', "null", '{"files": [], "golden": 1, "geometry": 2}'])
def test_what_is_no_contract_says_what_to_run(tmp_path, text):
    (tmp_path / "student_sr.json").write_text(text)
    with pytest.raises(SharpcamError, match=r'student_sr\.json .*"dvc repro export"'):
        load_student(tmp_path / "student_sr.json")


GONE = object()
FLAT = np.full((2, 2, 3), 7, np.uint8)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("files", ["student_sr.onnx"], "files: Input should be a valid dictionary"),
        ("files", {"../student_sr.onnx": "1"}, "one float ONNX file beside the contract, and at most one int8 file"),
        ("files", {"a_int8.onnx": "1"}, "one float ONNX file beside the contract, and at most one int8 file"),
        ("files", {"a.onnx": "1", "b_int8.onnx": "1", "c_int8.onnx": "1"}, "at most one int8 file"),
        ("files", {"a.onnx": "1", "b_web.bin": "1", "c_web.bin": "1"}, "at most one int8 file and one web file"),
        ("web", {"definition": 1, "channels": 16}, "web.blocks: Field required"),
        ("scale", GONE, "scale: Field required"),
        ("scale", 3, "scale is 3, and geometry.scale 2"),
        ("multiple_of", GONE, "multiple_of: Field required"),
        ("multiple_of", 0, "multiple_of: Input should be greater than 0"),
        ("format", 3, "format: Input should be 1 or 2"),
        ("format", 2, "format 2 has dials and golden.strong, and format 1 has neither"),
        ("golden.output_int8", GONE, "golden.output_int8 is missing"),
        ("golden.output", {"shape": [1, 2, 3]}, "golden.output: this is not a packed picture"),
        ("golden.output", pack_picture(FLAT[..., :1]), "golden.output: a picture is"),
        ("golden.output", pack_picture(FLAT), r"golden.output is \(2, 2, 3\) in place of"),
        ("golden.output", None, "golden.output is a picture of one colour"),
        ("golden.output_int8", None, "golden.output_int8 is a picture of one colour"),
    ],
)
def test_what_is_wrong_with_a_contract_is_named(exported, key, value, words):
    content = read_json(exported, made_by="export")
    *path, last = key.split(".")
    section = content[path[0]] if path else content
    if value is GONE:
        del section[last]
    else:
        section[last] = value if value is not None else pack_picture(np.full_like(unpack_picture(section[last]), 7))
    write_json(exported, content)
    with pytest.raises(SharpcamError, match=rf"is not a contract of a student \(.*{words}.*\)\. Run"):
        load_student(exported)


def test_a_packed_picture_comes_back():
    picture = photo(12, 17)
    np.testing.assert_array_equal(unpack_picture(pack_picture(picture)), picture)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.pop("dials"), "format 2 has dials and golden.strong, and format 1 has neither"),
        (lambda content: content["golden"].pop("strong"), "format 2 has dials and golden.strong"),
        (lambda content: content.update(format=1), "and format 1 has neither"),
        (lambda content: content["dials"].update(names=["blur", "dust"]), "names are blur, dust, and blur, noise"),
        (lambda content: content["dials"].update(range=[0, 2]), "dials.range.1: Input should be 1"),
        (lambda content: content["dials"].update(neutral=[0.5, 2, 0, 0]), "dials.neutral.1: Input should be less than"),
        (lambda content: content["dials"].update(neutral=[0.5]), "dials.neutral.1: Field required"),
        (lambda content: content["dials"]["layers"].pop(), r"perceptron.out_weight is \(384, 32\) in place of"),
        (lambda content: content["dials"]["layers"][0].pop("int8"), "dials.layers have no places in the int8 file"),
        (lambda content: content["dials"]["layers"][0]["float"].update(bias=-1), "float.bias: Input should be greater"),
        (lambda content: content["dials"]["perceptron"].update(hidden_bias=1), "hidden_bias: this is not a valid pack"),
        (lambda content: content["golden"]["strong"].update(dials=[0, 0, 0, 9]), "golden.strong.dials.3: Input should"),
        (lambda content: content["golden"]["strong"].pop("output_int8"), "golden.strong.output_int8 is missing"),
        (lambda content: content.pop("web"), "web and a web file in files come together"),
        (lambda content: content["files"].pop("student_d_web.bin"), "web and a web file in files come together"),
        (lambda content: content["web"].update(definition=2), "web.definition: Input should be 1"),
        (lambda content: content["web"].update(channels=32), "web: layers are not those of 32 channels and 4 blocks"),
        (lambda content: content["web"]["layers"].pop(), "web: layers are not those of 16 channels and 4 blocks"),
        (lambda content: content["web"]["layers"][0].update(scale=8), "web: layers have places that are not multiples"),
        (lambda content: content["web"]["layers"][0].update(bias=-16), "web.layers.0.bias: Input should be greater"),
        (lambda content: content["web"]["layers"][0].update(reads=0), "web: head and skip read the frame, and all oth"),
        (
            lambda content: content["web"]["layers"][1].update(reads=99),
            "web.layers read tensors beyond the 13 of dials",
        ),
        (lambda content: content["golden"].pop("output_web"), "golden.output_web is missing"),
        (lambda content: content["golden"]["strong"].pop("output_web"), "golden.strong.output_web is missing"),
        (lambda content: content["golden"]["output_web"].update(crc32=-1), "golden.output_web.crc32: Input should be"),
        (
            lambda content: content["golden"]["output_web"].update(shape=[1, 2, 3]),
            r"golden.output_web is \(1, 2, 3\) in",
        ),
        (lambda content: content["estimator"].update(onnx="?"), "estimator.onnx: Only base64 data is allowed"),
        (lambda content: content["estimator"].update(prior_weights=[1, 1, 1]), "estimator.prior_weights.3: Field requ"),
        (lambda content: content["estimator"].update(prior_weights=[1, 1, 1, -1]), "estimator.prior_weights.3: Input"),
    ],
)
def test_what_is_wrong_with_the_dials_of_a_contract_is_named(dialled, change, words):
    content = read_json(dialled, made_by="export")
    change(content)
    write_json(dialled, content)
    with pytest.raises(SharpcamError, match=rf"is not a contract of a student \(.*{words}.*\)\. Run"):
        load_student(dialled)
