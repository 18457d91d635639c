"""PSNR, SSIM and L1 are those that everybody means."""

import numpy as np
import pytest
import torch
from making import photo
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from training import metrics

LUMA = np.array([0.299, 0.587, 0.114])
PICTURE = photo(40, 52)
NOISY = (PICTURE + np.random.default_rng(0).normal(0, 12, PICTURE.shape)).clip(0, 255).round().astype(np.uint8)
PAIRS = {
    "noisy": (PICTURE, NOISY),
    "brighter": (PICTURE, PICTURE // 2 + 100),
    "another": (PICTURE, photo(40, 52, seed=5)),
    "flat": (np.full_like(PICTURE, 80), np.full_like(PICTURE, 90)),
}


def tensor(frame):
    return torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(params=PAIRS)
def pair(request):
    return PAIRS[request.param]


def test_psnr_is_that_of_scikit_image(pair):
    expected = peak_signal_noise_ratio(*pair, data_range=255)
    assert float(metrics.psnr(*map(tensor, pair))) == pytest.approx(expected, abs=1e-4)


def test_ssim_is_that_of_scikit_image_on_luma(pair):
    expected = structural_similarity(
        *(frame @ LUMA for frame in pair), data_range=255, gaussian_weights=True, use_sample_covariance=False
    )
    assert float(metrics.ssim(*map(tensor, pair))) == pytest.approx(expected, abs=1e-4)


def test_l1_is_the_mean_difference(pair):
    expected = np.abs(pair[0].astype(float) - pair[1]).mean() / 255
    assert float(metrics.mean_absolute(*map(tensor, pair))) == pytest.approx(expected, abs=1e-6)


def test_equal_pictures_have_a_finite_psnr_of_100_db():
    same = tensor(PICTURE)
    assert float(metrics.psnr(same, same)) == pytest.approx(100)
    assert float(metrics.ssim(same, same)) == pytest.approx(1)
    assert float(metrics.mean_absolute(same, same)) == 0


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim, metrics.mean_absolute])
def test_a_batch_gives_one_value_a_frame(measure):
    a, b = (torch.cat([tensor(pair[side]) for pair in PAIRS.values()]) for side in (0, 1))
    alone = [measure(tensor(pair[0]), tensor(pair[1])) for pair in PAIRS.values()]
    torch.testing.assert_close(measure(a, b), torch.cat(alone))


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim, metrics.mean_absolute])
def test_pictures_are_clamped_and_rounded_to_eight_bits_first(measure):
    target, picture = tensor(PICTURE), tensor(NOISY)
    harmed = picture + 0.3 / 255 * torch.sign(torch.rand_like(picture) - 0.5)
    torch.testing.assert_close(measure(harmed, target), measure(picture, target))
    beyond = torch.where(picture > 0.6, 5.0, picture)
    torch.testing.assert_close(measure(beyond, target), measure(beyond.clamp(0, 1), target))
