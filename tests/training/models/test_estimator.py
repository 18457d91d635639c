"""The estimator: sure places outweigh others, an unsure picture stays neutral, halos cost."""

import pytest
import torch
import torch.nn.functional as F

from training.models import MODELS
from training.models.dials import NEUTRAL
from training.models.estimator import Estimator, Reading, decibel_loss, likelihood_loss, mean_of_groups, overshoot


def test_a_reading_is_values_in_range_and_positive_weights_for_any_size():
    estimator = Estimator()
    torch.nn.init.normal_(estimator.value.weight)
    torch.nn.init.normal_(estimator.weight.weight)
    for height, width in ((64, 64), (72, 100)):
        values, weights = estimator(torch.rand(3, 3, height, width))
        assert values.shape == weights.shape == (3, 4)
        assert 0 <= values.min() <= values.max() <= 1
        assert weights.min() > 0


def test_a_frame_is_pooled_by_its_weights_and_with_neutral_dials():
    estimator = Estimator()
    torch.nn.init.normal_(estimator.value.weight)
    torch.nn.init.normal_(estimator.weight.weight)
    torch.nn.init.zeros_(estimator.prior)  # the neutral dials weigh as much as a window of 256 pixels
    frames = torch.rand(2, 3, 128, 256)
    values, weights = estimator(frames)
    weights = weights / 2  # half a window
    expected = (torch.tensor(NEUTRAL) + weights * values) / (1 + weights)
    torch.testing.assert_close(estimator.whole(frames), expected)


def test_a_camera_is_what_all_its_frames_say_by_their_precision():
    estimator = Estimator()
    torch.nn.init.normal_(estimator.value.weight)
    torch.nn.init.normal_(estimator.weight.weight)
    frames = torch.rand(3, 3, 256, 256)
    values, weights = estimator(frames)
    found = estimator.of_cameras(frames, torch.tensor([1, 0, 1]), 2)
    prior = estimator.prior.exp()
    precision = prior + weights[0] + weights[2]
    torch.testing.assert_close(found.weights[1], precision)
    expected = (prior * torch.tensor(NEUTRAL) + weights[0] * values[0] + weights[2] * values[2]) / precision
    torch.testing.assert_close(found.values[1], expected)
    torch.testing.assert_close(found.values[0], estimator.whole(frames[1:2])[0])


def test_who_is_sure_and_wrong_loses_most_and_honest_doubt_least():
    truth = torch.tensor([[0.2, 0.2, 0.2, 0.2]])

    def lost(off: float, spread: float) -> float:
        return float(likelihood_loss(Reading(truth + off, torch.full((1, 4), spread**-2)), truth))

    assert lost(0.2, 0.02) > lost(0.2, 1.0) > lost(0.2, 0.2)
    assert lost(0.0, 0.02) < lost(0.0, 0.2)


def test_the_mean_of_groups_is_that_of_each():
    values, groups = torch.tensor([[1.0, 2], [3, 4], [7, 8]]), torch.tensor([1, 1, 0])
    assert mean_of_groups(values, groups, 2).tolist() == [[7, 8], [2, 3]]
    assert mean_of_groups(values[:, 0], groups, 2).tolist() == [7, 2]


def test_the_loss_counts_decibels_of_groups():
    truth = torch.zeros(3, 3, 8, 8)
    restored = torch.tensor([0.1, 0.1, 0.2])[:, None, None, None].expand_as(truth)
    one, two = (
        decibel_loss(restored[at], truth[at], torch.zeros(len(at), dtype=torch.long), 1) for at in ([0, 1], [2])
    )
    assert float(two - one) == pytest.approx(2 * torch.tensor(2.0).log().item(), abs=0.01)
    both = decibel_loss(restored, truth, torch.tensor([0, 0, 1]), 2)
    assert float(both) == pytest.approx(float((one + two) / 2), abs=1e-5)


def test_overshoot_is_what_lies_outside_the_range_around():
    raw = torch.full((1, 3, 16, 16), 0.25)
    raw[..., 8:] = 0.75
    plain = F.interpolate(raw, scale_factor=2, mode="bicubic", align_corners=False)
    assert float(overshoot(plain, raw)) == pytest.approx(0, abs=1e-6)
    bright = plain.clone()
    bright[..., 28:] += 0.1
    assert float(overshoot(bright, raw)) == pytest.approx(0.1 * 4 / 32, rel=0.05)


def test_a_restorer_with_an_estimator_sets_its_own_dials_and_takes_others():
    torch.manual_seed(0)
    model = MODELS["restorer"](width=4, blocks=(1, 1), dials=True, estimator=True).eval()
    for weight in (model.dials.out.weight, model.ending.weight, *(b.beta for s in model.encoders for b in s)):
        torch.nn.init.normal_(weight, std=0.3)
    torch.nn.init.constant_(model.estimator.value.bias, 8.0)  # every dial is 1
    torch.nn.init.constant_(model.estimator.prior, -30.0)
    frame = torch.rand(1, 3, 66, 70)
    with torch.inference_mode():
        ones = model(frame, torch.ones(1, 4))
        torch.testing.assert_close(model(frame), ones, atol=1e-2, rtol=0)
        assert (model(frame, torch.tensor([NEUTRAL])) - ones).abs().max() > 0.02
