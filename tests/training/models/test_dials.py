"""Dials: neutral ones change nothing, others fold into the weights, factors stay positive."""

from copy import deepcopy

import pytest
import torch

from training.models import MODELS
from training.models.dials import DIALS, NEUTRAL, DialPerceptron, positive
from training.models.student import StudentSR

WITH_DIALS = {
    "student_s": {},
    "student_m": {"clean": True},
    "restorer": {"width": 4, "blocks": (1, 2, 1)},
}
STRONG = torch.tensor([0.9, 0.1, 0.7, 0.4])


def turned(name: str) -> torch.nn.Module:
    """A model whose dials do something."""
    torch.manual_seed(0)
    model = MODELS[name](dials=True, **WITH_DIALS[name]).eval()
    torch.nn.init.normal_(model.dials.out.weight, std=0.1)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)  # what starts at nothing would hide the rest
    return model


@pytest.mark.parametrize("name", WITH_DIALS)
def test_neutral_dials_change_nothing_and_others_do(name):
    model, frames = turned(name), torch.rand(2, 3, 18, 22)
    with torch.inference_mode():
        plain = model(frames)
        torch.testing.assert_close(model(frames, torch.tensor([NEUTRAL])), plain, atol=1e-6, rtol=0)
        assert (model(frames, STRONG[None]) - plain).abs().max() > 1e-3


@pytest.mark.parametrize("name", WITH_DIALS)
def test_each_picture_of_a_batch_has_dials_of_its_own(name):
    model, frames = turned(name), torch.rand(2, 3, 18, 22)
    both = torch.stack((STRONG, torch.tensor(NEUTRAL)))
    with torch.inference_mode():
        made = model(frames, both)
        torch.testing.assert_close(made[:1], model(frames[:1], both[:1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(made[1:], model(frames[1:]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["student_s", "student_m"])
def test_a_folded_student_gives_the_same_pictures_without_dials(name):
    model, frames = turned(name), torch.rand(1, 3, 21, 30)
    folded = model.folded(STRONG)
    assert folded.dials is None
    with torch.inference_mode():
        torch.testing.assert_close(folded(frames), model(frames, STRONG[None]), atol=1e-5, rtol=0)
        torch.testing.assert_close(model(frames), turned(name)(frames))  # it was copied, not changed


def test_the_dials_of_a_restorer_fold_into_the_convolutions_they_act_on():
    model, frames = turned("restorer"), torch.rand(1, 3, 16, 24)
    folded = deepcopy(model)
    in_order = [*folded.encoders, *reversed(folded.decoders)]
    spreads = [block.spread for stage in in_order for block in stage]
    with torch.no_grad():
        expected = model(frames, STRONG[None])
        for spread, (factor, offset) in zip(spreads, model.dials(STRONG[None]), strict=True):
            spread.weight.mul_(factor.view(-1, 1, 1, 1))
            spread.bias.mul_(factor.view(-1)).add_(offset.view(-1))
        torch.testing.assert_close(folded(frames), expected, atol=1e-5, rtol=0)


def test_a_student_without_dials_folds_to_itself():
    model, frames = StudentSR(channels=4, blocks=1, fold=2), torch.rand(1, 3, 8, 8)
    assert torch.equal(model.folded(STRONG)(frames), model(frames))
    assert torch.equal(model(frames, STRONG[None]), model(frames))


def test_factors_are_positive_and_one_at_nothing():
    x = torch.linspace(-50, 50, 1001)
    assert (positive(x) > 0).all()
    assert float(positive(torch.zeros(1))) == 1
    assert (positive(x).diff() > 0).all()
    perceptron = DialPerceptron([3, 5])
    torch.nn.init.normal_(perceptron.out.weight, std=5.0)
    turns = list(perceptron(torch.rand(7, len(DIALS))))
    assert [turn.factor.shape for turn in turns] == [(7, 3, 1, 1), (7, 5, 1, 1)]
    assert all((turn.factor > 0).all() for turn in turns)
