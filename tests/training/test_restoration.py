"""What the restorer learns from: pairs that fit one another, drawn alike for the same seed."""

import math

import pytest
import torch
import torch.nn.functional as F

from training.pictures import to_uint8
from training.restoration import (
    BRIGHTNESS_WEIGHT,
    DECIBEL_WEIGHT,
    FLAT,
    bicubic,
    brightness_error,
    crop_scenes,
    detail,
    random_crop,
    restoration_loss,
    seeded,
    turn,
)


def smooth_photo(seed: int = 0, px: int = 120) -> torch.Tensor:
    noise = 0.3 + 0.3 * torch.rand(1, 3, 24, 24, generator=seeded(seed, 0, 0))
    return to_uint8(F.interpolate(noise, (px, px), mode="bicubic", align_corners=False))[0]


def test_a_pair_is_cut_and_turned_together():
    truth = torch.rand(3, 40, 40)
    raw = F.avg_pool2d(truth, 2)
    for index in range(10):
        small, large = random_crop(raw, truth, crop_px=8, generator=seeded(0, 0, index))
        torch.testing.assert_close(F.avg_pool2d(large, 2), small)


def test_the_eight_turns_differ_from_one_another():
    picture = torch.arange(9.0).reshape(1, 3, 3)
    assert len({tuple(turn(picture, way).flatten().tolist()) for way in range(8)}) == 8


def test_scenes_are_cut_from_the_photographs():
    photo = smooth_photo()
    scenes = crop_scenes([photo], 3, scene_px=50, generator=seeded(0, 0, 0))
    assert scenes.shape == (3, 3, 50, 50)
    whole = crop_scenes([photo], 1, scene_px=120, generator=seeded(0, 0, 0))
    assert torch.equal(whole[0], photo)


def test_a_share_of_the_scenes_shows_more_of_the_photograph_made_smaller():
    ramp = torch.arange(120, dtype=torch.uint8).expand(3, 120, 120)  # its level is the column

    def spans(share: float) -> torch.Tensor:
        scenes = crop_scenes([ramp], 40, scene_px=50, shrunk_share=share, generator=seeded(0, 0, 0))
        assert scenes.shape == (40, 3, 50, 50)
        return scenes[:, 0, 0, -1].int() - scenes[:, 0, 0, 0].int()  # columns of the photograph that it shows

    assert set(spans(0.0).tolist()) == {49}
    assert spans(1.0).min() >= 48
    assert 95 <= spans(1.0).max() <= 100
    assert 8 < int((spans(0.5) > 50).sum()) < 32
    assert torch.equal(spans(0.5), spans(0.5))


def test_the_loss_counts_decibels_of_every_crop_alike():
    raw = torch.full((2, 3, 16, 16), 0.5)
    truth = bicubic(raw)
    stripes = torch.ones(32).view(1, 1, 1, 32)
    stripes[..., ::2] = -1  # keeps the brightness

    def loss(*errors: float) -> float:
        error = torch.tensor(errors)[:, None, None, None] * stripes
        return float(restoration_loss(truth + error, truth, raw))

    assert loss(0.1, 0.1) - loss(0.05, 0.05) == pytest.approx(DECIBEL_WEIGHT * math.log(2), rel=0.05)
    assert loss(0.2, 0.1) - loss(0.1, 0.1) == pytest.approx(loss(0.2, 0.2) - loss(0.2, 0.1), rel=1e-3)
    assert loss(0, 0) == pytest.approx(DECIBEL_WEIGHT * 0.5 * math.log(FLAT), rel=1e-3)


def test_light_that_is_lost_counts_beside():
    raw = torch.full((1, 3, 32, 32), 0.5)
    darker = bicubic(raw) - 0.1
    assert float(brightness_error(darker, raw)) == pytest.approx(0.1, rel=1e-4)
    truth = darker.clone()
    whole = float(restoration_loss(darker, truth, raw))
    assert whole == pytest.approx(DECIBEL_WEIGHT * 0.5 * math.log(FLAT) + BRIGHTNESS_WEIGHT * 0.1, rel=1e-3)


def test_a_busy_crop_has_more_detail_than_a_flat_one():
    flat, busy = torch.full((3, 8, 8), 90, dtype=torch.uint8), torch.zeros(3, 8, 8, dtype=torch.uint8)
    busy[..., ::2] = 200
    assert detail(flat) == 0
    assert detail(busy) == pytest.approx(200)
