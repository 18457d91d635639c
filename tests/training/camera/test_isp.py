"""What cameras do to their picture: each step does what it says, and nothing at nothing."""

import pytest
import torch

from training.camera import isp


def edge() -> torch.Tensor:
    picture = torch.full((1, 3, 32, 32), 0.25)
    picture[..., 16:] = 0.75
    return picture


def noisy(share: float = 0.02, frames: int = 1) -> torch.Tensor:
    return edge() + share * torch.randn(frames, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_each_step_at_nothing_is_nothing():
    picture = noisy().clamp(0, 1)
    assert isp.soften(picture, 0.0) is picture
    assert isp.reduce_noise(picture, sigma_px=1.0, threshold=0.0) is picture
    assert isp.reduce_noise_through_time(picture, share=0.0, threshold=0.1) is picture
    assert isp.sharpen(picture, amount=0.0, radius_px=1.0) is picture
    assert torch.equal(isp.contrast(picture, 0.0), picture)
    assert isp.resize(picture, height=32, width=32, mode="area") is picture


def test_noise_reduction_smooths_walls_and_keeps_edges():
    made = isp.reduce_noise(noisy(), sigma_px=1.2, threshold=0.05)
    assert made[..., :12].std() < 0.6 * noisy()[..., :12].std()
    step = (made[..., 16] - made[..., 15]).mean()
    assert step > 0.45


def test_noise_reduction_through_time_follows_what_moves():
    still = noisy(frames=6)
    made = isp.reduce_noise_through_time(still, share=0.8, threshold=0.2)
    assert (made[5] - edge()).std() < 0.7 * (still[5] - edge()).std()
    moved = torch.cat((still[:3], still[3:].flip(-1)))
    after = isp.reduce_noise_through_time(moved, share=0.8, threshold=0.2)
    assert (after[3] - moved[3]).abs()[..., 4:12].mean() < 0.02  # no ghost of what was there


def test_sharpening_overshoots_at_edges_within_black_and_white():
    made = isp.sharpen(edge(), amount=1.0, radius_px=1.0)
    assert made.max() > 0.85
    assert made.min() < 0.15
    assert made[..., :8].std() < 1e-6
    assert isp.sharpen(edge() * 1.3, amount=3.0, radius_px=1.0).min() >= 0


def test_contrast_is_a_curve_through_black_grey_and_white():
    levels = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).view(1, 1, 1, 5)
    made = isp.contrast(levels, 1.0).flatten().tolist()
    assert made == pytest.approx([0, 0.15625, 0.5, 0.84375, 1])


def test_resizing_keeps_the_middle_in_the_middle():
    spot = torch.zeros(1, 3, 33, 33)
    spot[..., 16, 16] = 1
    for mode in ("area", "bicubic", "bilinear"):
        made = isp.resize(spot, height=11, width=11, mode=mode)[0, 0]
        assert divmod(int(made.argmax()), 11) == (5, 5)
