"""The students: twice the size, any size, and a picture from the first step on."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from training.models import MODELS
from training.models.student import pad_to_multiple, student_original

FAMILY = {name: make for name, make in MODELS.items() if name.startswith("student_") and name != "student_original"}
CLEAN = {f"{name}, clean": partial(make, clean=True) for name, make in FAMILY.items()}
STUDENTS = {**FAMILY, **CLEAN, "student_original": student_original}


def trained(model):
    """Every weight is somewhere, as after a training."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.05)
    return model.eval()


@pytest.mark.parametrize("name", STUDENTS)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (7, 5), (16, 21), (64, 80)], ids=str)
@torch.inference_mode()
def test_any_size_is_doubled(name, size):
    assert trained(STUDENTS[name]())(torch.rand(2, 3, *size)).shape == (2, 3, 2 * size[0], 2 * size[1])


@pytest.mark.parametrize("name", FAMILY | CLEAN)
@torch.inference_mode()
def test_a_fresh_student_enlarges_bilinearly(name):
    frame = torch.rand(1, 3, 16, 20)
    expected = F.interpolate(frame, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(STUDENTS[name]()(frame)[..., 4:-4, 4:-4], expected[..., 4:-4, 4:-4])


@pytest.mark.parametrize("name", STUDENTS)
@torch.inference_mode()
def test_frames_of_a_batch_do_not_see_each_other(name):
    model, frames = trained(STUDENTS[name]()), torch.rand(3, 3, 12, 14)
    torch.testing.assert_close(model(frames), torch.cat([model(frame[None]) for frame in frames]))


@pytest.mark.parametrize("name", FAMILY)
@torch.inference_mode()
def test_an_odd_frame_is_the_even_one_with_its_border_repeated(name):
    model, frame = trained(STUDENTS[name]()), torch.rand(1, 3, 11, 13)
    padded = F.pad(frame, (0, 1, 0, 1), mode="replicate")
    torch.testing.assert_close(model(frame), model(padded)[..., :22, :26])


@pytest.mark.parametrize(("forms", "size"), [(FAMILY, (16, 20)), (CLEAN, (32, 40))], ids=["camera", "clean"])
def test_the_body_works_at_half_the_input_size_or_at_it(forms, size):
    for make in forms.values():
        sizes = []
        model = make()
        model.body[0].register_forward_hook(
            lambda *arguments, found=sizes: found.append(tuple(arguments[2].shape[-2:]))
        )
        model(torch.rand(1, 3, 32, 40))
        assert sizes == [size]


@pytest.mark.parametrize("name", STUDENTS)
def test_every_weight_learns(name):
    model = trained(STUDENTS[name]()).train()
    model(torch.rand(1, 3, 12, 16)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("name", STUDENTS)
def test_the_same_seed_gives_the_same_weights(name):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(STUDENTS[name]().state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_the_original_student_has_18_convolutions_at_output_size():
    sizes = []
    model = student_original()
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:
        convolution.register_forward_hook(lambda *arguments: sizes.append(tuple(arguments[2].shape[-2:])))
    model(torch.rand(1, 3, 8, 10))
    assert sizes == [(16, 20)] * 18
    assert convolutions[0].out_channels == 64


def test_padding_leaves_alone_what_fits():
    frame = torch.rand(1, 3, 8, 6)
    assert pad_to_multiple(frame, 2) is frame
    assert pad_to_multiple(frame, 5).shape == (1, 3, 10, 10)
