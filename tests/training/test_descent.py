"""A training run: its schedule, and that what is kept is enough to go on."""

from dataclasses import replace

import pytest
import torch

from training.descent import EmaTrainer, OptimizerSettings
from training.models.restorer import Restorer

DESCENT = OptimizerSettings(learning_rate=1e-3, warmup_steps=4, weight_decay=0, ema_decay=0.9, bf16=0, workers=2)


def new_run() -> EmaTrainer:
    torch.manual_seed(0)
    return EmaTrainer(Restorer(width=4, blocks=(1, 1)), DESCENT)


def batch(index: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(index)
    return torch.rand(2, 3, 16, 16, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)


def test_the_rate_rises_by_step_and_falls_with_what_is_spent():
    assert DESCENT.rate(step=0, spent=0) == pytest.approx(0.25e-3)
    assert DESCENT.rate(step=10, spent=0) == pytest.approx(1e-3)
    assert DESCENT.rate(step=10, spent=0.5) == pytest.approx(0.5e-3, rel=0.01)
    assert DESCENT.rate(step=10, spent=1) == pytest.approx(1e-6)


def test_a_restored_run_goes_on_as_if_it_had_never_stopped():
    unbroken, first = new_run(), new_run()
    for index in range(6):
        unbroken.learn(*batch(index), spent=index / 6)
    for index in range(3):
        first.learn(*batch(index), spent=index / 6)
    second = new_run()
    second.restore(first.state())
    for index in range(3, 6):
        second.learn(*batch(index), spent=index / 6)
    assert second.step == 6
    for key, value in unbroken.average.state_dict().items():
        assert torch.equal(value, second.average.state_dict()[key]), key


def test_the_average_lags_behind_the_model():
    run = new_run()
    for _ in range(20):
        run.learn(*batch(0), spent=0)
    assert not torch.equal(run.average.ending.weight, run.model.ending.weight)
    assert not any(parameter.requires_grad for parameter in run.average.parameters())


def test_bf16_is_for_the_share_of_the_training_that_is_asked_for():
    run = EmaTrainer(
        torch.nn.Conv2d(3, 3, 1), replace(DESCENT, bf16=0.5), loss=lambda made, truth, _raw: (made - truth).mean()
    )
    seen = []
    run.model.register_forward_hook(lambda _module, _batch, made: seen.append(made.dtype))
    for spent in (0.0, 0.49, 0.5, 0.99):
        run.learn(*(batch(0)[0],) * 2, spent=spent)
    assert seen == [torch.bfloat16] * 4 + [torch.float32] * 4  # two workers each
