"""The protocol of super-resolution benchmarks, held to other libraries and to definitions."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import color, data

from training.bicubic import BicubicPairs, even, halve, luma, luma_loss, luma_psnr


def photo() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()).permute(2, 0, 1)  # (3, 512, 512) uint8


def test_halving_is_that_of_an_antialiased_bicubic_inside_the_picture():
    ours = halve(photo()[None])[0].permute(1, 2, 0).numpy().astype(int)
    pillow = np.asarray(Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.BICUBIC)).astype(int)
    off = np.abs(ours - pillow)[4:-4, 4:-4]  # Pillow rounds to 8 bits between its two passes
    assert np.percentile(off, 99.5) <= 1
    assert off.mean() < 0.3


def test_edges_are_mirrored():
    mirrored = torch.from_numpy(np.pad(photo().numpy(), ((0, 0), (32, 32), (32, 32)), mode="symmetric"))
    assert torch.equal(halve(mirrored[None])[0][:, 16:-16, 16:-16], halve(photo()[None])[0])


def test_luma_is_that_of_the_papers():
    expected = color.rgb2ycbcr(data.astronaut())[..., 0]
    np.testing.assert_allclose(luma(photo()[None])[0].numpy(), expected, atol=0.01)


def test_psnr_leaves_out_the_border():
    truth = torch.full((1, 3, 16, 16), 100, dtype=torch.uint8)
    wrong = truth.clone()
    wrong[..., :2, :] = 0
    assert float(luma_psnr(wrong, truth)) == pytest.approx(100)
    wrong[..., 8, 8] = 0
    assert float(luma_psnr(wrong, truth)) < 50


def test_a_batch_is_aligned_and_a_function_of_its_step():
    pairs = BicubicPairs([photo()[:, :101, :120]], seed=1)
    small, large = pairs.batch(3, size=2, crop_px=16)
    again, _ = pairs.batch(3, size=2, crop_px=16)
    assert torch.equal(small, again)
    assert not torch.equal(small, pairs.batch(4, size=2, crop_px=16)[0])
    halved = halve((large * 255).round().to(torch.uint8)).float() / 255
    assert float((halved - small)[..., 4:-4, 4:-4].abs().max()) <= 1.01 / 255


def test_busy_crops_are_drawn_more_often_than_flat_ones():
    half_flat = photo().clone()
    half_flat[:, :256] = 90
    small, _ = BicubicPairs([half_flat], seed=1).batch(0, size=200, crop_px=16)
    flat = int((small.amax(dim=(1, 2, 3)) == small.amin(dim=(1, 2, 3))).sum())
    assert flat < 0.35 * 200  # about the square of one half, where one draw would give a half


def test_the_loss_is_the_error_of_grey_and_a_tenth_of_its_square_on_colour_alone():
    truth = torch.rand(2, 3, 8, 8)
    grey = truth + torch.tensor([0.01, 0.1])[:, None, None, None]
    assert float(luma_loss(grey, truth, truth)) == pytest.approx((0.01 + 0.1) / 2, rel=0.01)
    colours = 0.1 * torch.tensor([128.553, -65.481, 0])[:, None, None] / 128.553  # of no luma
    error = float(colours.square().mean().sqrt())
    assert float(luma_loss(truth + colours, truth, truth)) ** 2 == pytest.approx(0.1 * error**2, rel=0.01)


def test_odd_pictures_lose_a_row_and_a_column():
    assert even(torch.zeros(3, 7, 9)).shape == (3, 6, 8)
