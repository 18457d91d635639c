"""params.yaml is parsed once; a typo fails in the first second, by name."""

from typing import get_args

import pytest
import yaml
from making import ROOT, merged
from pydantic import ValidationError

from pipeline.core.errors import SharpcamError
from pipeline.core.params import GeometryParams, TrainParams, load_params
from training.models import MODELS

CONTENT = yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture
def load(tmp_path):
    def load(**changes):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(merged(CONTENT, changes)))
        return load_params(tmp_path / "params.yaml")

    return load


def test_the_file_in_the_repository_fits():
    params = load_params(ROOT / "params.yaml")
    assert params.geometry.student_input == (params.geometry.width // 2, params.geometry.height // 2)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"seeed": 1}, "seeed is an unknown key"),
        ({"train": {"epoch": 3}}, "train.epoch is an unknown key"),
        ({"capture": {"camera": {"iso": 3}}}, "capture.camera.iso is an unknown key"),
        ({"train": {"epochs": -3}}, "train.epochs: Input should be greater than 0 (found -3)"),
        ({"train": {"learning_rate": 0}}, "train.learning_rate: Input should be greater than 0 (found 0)"),
        ({"train": {"epochs": "many"}}, "train.epochs: Input should be a valid integer"),
        ({"train": {"epochs": 1.5}}, "train.epochs: Input should be a valid integer"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0 (found -1)"),
        ({"split": {"validation_share": 1}}, "split.validation_share: Input should be less than 1 (found 1)"),
        ({"geometry": {"width": 1281}}, "geometry: width and height must be multiples of 4 (twice the scale)"),
        ({"geometry": {"fit": "squeeze"}}, "geometry.fit: Input should be 'crop' or 'stretch' (found 'squeeze')"),
        ({"capture": {"clip": "../evil"}}, "capture.clip: String should match pattern"),
        ({"capture": {"camera": {"pixel_format": "MJPEG"}}}, "capture.camera.pixel_format: String should match"),
        ({"train": {"model": "nafnet"}}, "train.model: Input should be 'student_s', 'student_m'"),
        ({"split": {"leave_out": ["../evil"]}}, "split.leave_out.0: String should match pattern"),
        ({"split": {"leave_out": "desk"}}, "split.leave_out: Input should be a valid list"),
        ({"teacher": {"chain": "magic"}}, "teacher: chain 'magic' is not among the chains: "),
        ({"teacher": {"chains": {"classical": []}}}, "chain 'classical' must be a list of steps"),
        ({"geometry": None}, "geometry"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_sentence_that_names_the_key(load, changes, problem):
    with pytest.raises(SharpcamError) as caught:
        load(**changes)
    sentence = str(caught.value)
    assert problem in sentence
    assert sentence.endswith("Fix it and run again.")
    assert "\n" not in sentence


def test_every_problem_is_named_at_once(load):
    with pytest.raises(SharpcamError, match=r"train\.epochs.*; .*seeed"):
        load(seeed=1, train={"epochs": -1})


def test_a_missing_key_is_named(tmp_path):
    content = {key: value for key, value in CONTENT.items() if key != "split"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SharpcamError, match="split is missing"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["train: [1, 2", "a: b: c", "\tseed: 1", "seed: '"])
def test_what_is_no_yaml_is_one_sentence(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(SharpcamError, match=r"params\.yaml is not valid YAML \(.*line 1.*\)\. Fix that line"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("data", [b"", b"just words", b"- 1\n- 2", b"\xff\xfe\x00seed"])
def test_what_is_another_file_is_one_sentence(tmp_path, data):
    (tmp_path / "params.yaml").write_bytes(data)
    with pytest.raises(SharpcamError, match=r"params\.yaml"):
        load_params(tmp_path / "params.yaml")


def test_no_file_says_where_to_run(tmp_path):
    with pytest.raises(SharpcamError, match=r'No .*params\.yaml here. Run from the root of sharpcam, or "git checkout'):
        load_params(tmp_path / "params.yaml")


def test_params_cannot_be_changed(load):
    with pytest.raises(ValidationError, match="frozen"):
        load().seed = 3


def test_a_cameras_index_may_be_a_number(load):
    assert load(capture={"source": 0}).capture.source == "0"


def test_the_students_input_is_the_target_by_the_scale():
    geometry = GeometryParams(width=1280, height=1024, scale=2, fit="crop")
    assert geometry.target == (1280, 1024)
    assert geometry.student_input == (640, 512)


@pytest.mark.parametrize("text", ["seed: [", "surprise: 1\n" + (ROOT / "params.yaml").read_text()])
def test_a_stage_with_bad_params_fails_with_one_sentence_and_touches_nothing(project, text):
    project.paths.params.write_text(text)
    before = sorted(project.root.rglob("*"))
    answer = project.run("pipeline.split")
    assert answer.returncode == 1
    assert answer.stderr.startswith("sharpcam: params.yaml")
    assert len(answer.stderr.splitlines()) == 1
    assert sorted(project.root.rglob("*")) == before


def test_the_students_that_can_be_named_are_those_there_are():
    students = {name for name in MODELS if name.startswith("student")}
    assert set(get_args(TrainParams.model_fields["model"].annotation)) == students
