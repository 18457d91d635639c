"""What a training starts from is found by every name that params.yaml may give, or said to be missing in a sentence."""

import pytest
import torch

from pipeline.core.errors import SharpcamError
from pipeline.promote import promote
from pipeline.register import register
from pipeline.tracking import registry
from pipeline.train.start_from import arguments_of, starting_model, starting_weights
from training import checkpoints
from training.models import MODELS


def bundle(project, name="student_s", *, model="student_s"):
    torch.manual_seed(5)
    student = MODELS[model]()
    checkpoints.save(project.paths.bundled / f"{name}.safetensors", student, {"model": model, "arguments": {}})
    return student.state_dict()


def start(project, name, **train):
    params = project.change(train={"start_from": name, **train})
    return starting_model(params, starting_weights(project.paths, params)).state_dict()


def test_scratch_is_no_weights(project):
    params = project.change(train={"start_from": "scratch"})
    assert starting_weights(project.paths, params) is None
    torch.manual_seed(1)
    first = starting_model(params, None).state_dict()
    torch.manual_seed(1)
    torch.testing.assert_close(first, MODELS["student_s"]().state_dict(), rtol=0, atol=0)


def test_bundled_is_the_student_that_sharpcam_ships(project):
    shipped = bundle(project)
    torch.testing.assert_close(start(project, "bundled"), shipped, rtol=0, atol=0)


def test_a_student_that_is_not_shipped_cannot_be_started_from(project):
    bundle(project)
    with pytest.raises(SharpcamError, match=r"start_from is bundled, and sharpcam comes without .*student_m.safetens"):
        start(project, "bundled", model="student_m")


def test_weights_of_another_architecture_are_refused(project):
    bundle(project, "student_m")
    with pytest.raises(SharpcamError, match=r"holds a student_s, train.model asks for a student_m. Make them one"):
        start(project, "bundled", model="student_m")


def test_a_bundled_student_can_be_named_as_a_file(project):
    shipped = bundle(project)
    found = start(project, "weights/bundled/student_s.safetensors")
    torch.testing.assert_close(found, shipped, rtol=0, atol=0)


def test_a_registered_student_is_found_by_its_names_and_addresses(trained):
    expected = checkpoints.read(trained.paths.student).weights

    def found_by(*names):
        for name in names:
            torch.testing.assert_close(start(trained, name), expected, rtol=0, atol=0)

    register(trained.paths)
    registry.set_alias("candidate", 1)
    trained.paths.student.unlink()
    found_by("version:1", "candidate", "models:/StudentSR/1", "models:/StudentSR@candidate")
    promote("1", trained.paths, force=True)
    found_by("champion", "models:/StudentSR@champion")


@pytest.mark.parametrize("name", ["champion", "version:7", "models:/StudentSR/7", "nonsense"])
def test_a_model_that_is_not_there_is_named(project, name):
    with pytest.raises(SharpcamError, match=r"params.yaml: train.start_from: There is no model"):
        start(project, name)


def test_a_model_without_torch_weights_cannot_be_gone_on_with(trained):
    trained.paths.student.unlink()
    with pytest.raises(SharpcamError, match=r'"student_sr", which came without its torch weights'):
        start(trained, "student_sr")


@pytest.mark.parametrize("form", [{}, {"clean": True}, {"dials": True}, {"clean": True, "dials": True}], ids=str)
def test_a_student_keeps_the_form_of_the_weights_that_it_starts_from(project, form):
    torch.manual_seed(5)
    recipe = {"model": "student_s", "arguments": form}
    checkpoints.save(project.root / "start.pth", MODELS["student_s"](**form), recipe)
    params = project.change(train={"start_from": "start.pth"})
    assert arguments_of(starting_model(params, starting_weights(project.paths, params))) == form


def test_the_original_student_has_but_one_form():
    assert arguments_of(MODELS["student_original"]()) == {}
