"""The measures of the bench of cameras, against cases that can be computed by hand and against scikit-image."""

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.metrics import structural_similarity

from benchmarks.cameras import measures


def flat(level, side=40):
    return np.full((side, side, 3), level, np.uint8)


def edge(low, high, side=40):
    picture = flat(low, side)
    picture[:, side // 2 :] = high
    return picture


def test_equal_pictures_are_as_near_as_can_be():
    near = measures.near(edge(50, 200), edge(50, 200))
    assert (near.psnr_db, near.psnr_rgb_db) == (100, 100)
    assert near.ssim == pytest.approx(1)


def test_psnr_of_a_known_error():
    assert measures.near(flat(103), flat(100)).psnr_db == pytest.approx(20 * np.log10(255 / 3))


def test_luma_is_weighted_and_rgb_is_not():
    red = flat(100)
    red[..., 0] += 10  # by 0.299 in luma: 3 of 10 levels, rounded
    near = measures.near(red, flat(100))
    assert near.psnr_db == pytest.approx(20 * np.log10(255 / 3))
    assert near.psnr_rgb_db == pytest.approx(20 * np.log10(255 / (10 / np.sqrt(3))))


def test_the_border_is_left_out():
    framed = flat(100)
    framed[: measures.BORDER_PX] = framed[:, -measures.BORDER_PX :] = 255
    assert measures.near(framed, flat(100)).psnr_db == 100
    framed[measures.BORDER_PX, measures.BORDER_PX] = 255
    assert measures.near(framed, flat(100)).psnr_db < 60


def test_ssim_is_that_of_scikit_image():
    truth = astronaut()[:128, 128:256]
    noisy = np.clip(truth + np.random.default_rng(0).normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
    given, expected = (measures.luma(measures.inner(picture)) for picture in (noisy, truth))
    reference = structural_similarity(
        given, expected, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert measures.ssim(given, expected) == pytest.approx(reference, abs=2e-3)  # its window is as wide, and cut alike


def test_brightness_is_a_signed_shift():
    assert measures.brightness(flat(95), flat(100)) == -5
    assert measures.brightness(flat(107), flat(100)) == 7


def test_bicubic_has_no_halo():
    assert measures.halo(edge(50, 200), edge(50, 200)) == 0


def test_a_known_overshoot_is_the_halo():
    """A column of 210 beside an edge from 50 to 200, among the 9 + 6 + 1 columns that count as beside the edge."""
    plain, sharp = edge(50, 200), edge(50, 200)
    sharp[:, 22] = 210
    strong = 8 + 6  # columns whose 9x9 sees both sides, widened by 3 to each side
    assert measures.halo(sharp, plain) == pytest.approx(10 / strong)
    sharp[:, 17] = 30
    assert measures.halo(sharp, plain) == pytest.approx((10 + 20) / strong)


def test_sharper_within_the_range_is_no_halo():
    soft, sharp = edge(50, 200), edge(50, 200)
    soft[:, 19], soft[:, 20] = 100, 150
    assert measures.halo(sharp, soft) == 0


def test_what_overshoots_far_from_strong_edges_is_no_halo():
    textured = edge(100, 147)
    textured[:, 22] = 200
    assert measures.halo(textured, edge(100, 147)) is None
    beside = edge(50, 200)
    beside[:, 36] = 255
    assert measures.halo(beside, edge(50, 200)) == 0


def test_flicker_is_the_mean_change_where_it_is_still():
    assert measures.flicker([flat(100), flat(104), flat(102)]) == 3
    moved = flat(100)
    moved[:20] = 200
    still = np.zeros((40, 40), bool)
    still[20:] = True
    assert measures.flicker([flat(100), moved]) == 50
    assert measures.flicker([flat(100), moved], still) == 0
