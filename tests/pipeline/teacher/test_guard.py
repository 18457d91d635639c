"""The guard passes what an enhancement is, and stops what a network in trouble gives."""

import cv2
import numpy as np
import pytest
from making import photo

from pipeline.teacher.guard import defect, glitch

PICTURE = cv2.GaussianBlur(photo(128, 160).astype(np.float32) / 255, (0, 0), 1)


def twice(picture):
    return cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def sharpened(picture):
    return picture + 0.8 * (picture - cv2.GaussianBlur(picture, (0, 0), 1.5))


@pytest.mark.parametrize("make", [lambda p: p, twice, sharpened, lambda p: cv2.GaussianBlur(p, (0, 0), 1.5)])
def test_an_enhancement_passes(make):
    after = make(PICTURE).astype(np.float32)
    assert defect(after) == ""
    assert glitch(PICTURE, after) == ""


def test_undoing_the_blur_of_fine_texture_passes():
    """Its encoded values shift in the mean, by more than the limit; its light does not."""
    stripes = np.zeros((128, 128, 3), np.float32)
    stripes[:, ::2] = 0.3
    seen = np.full_like(stripes, 0.5 ** (1 / 2.2) * 0.3)
    assert abs(stripes.mean() - seen.mean()) > 0.06
    assert glitch(seen, stripes) == ""


def test_detail_that_only_the_larger_picture_can_hold_is_no_change():
    fine = np.zeros((128, 160, 3), np.float32)
    fine[::2, ::2] = fine[1::2, 1::2] = 0.9
    seen = cv2.resize(fine, (80, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(fine - twice(seen)).max() > 0.4
    assert glitch(seen, fine) != "changed too much"


def test_light_that_moves_by_a_few_pixels_of_the_smaller_picture_is_no_shift_of_colour():
    spot = np.full((64, 80, 3), 0.1, np.float32)
    spot[30:34, 38:42] = 1
    seen = cv2.GaussianBlur(spot, (0, 0), 4)
    assert glitch(seen, cv2.resize(spot, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)) != "colour shifted"


def test_the_truth_of_a_textured_view_is_no_glitch_of_an_enlargement():
    """Fine texture that a lens has taken: single pixels change by more than the limit, as they should."""
    truth = np.repeat(np.repeat(photo(64, 80).astype(np.float32) / 255 * 0.2, 2, 0), 2, 1)
    truth[::4, ::4] = truth[1::4, ::4] = truth[::4, 1::4] = truth[1::4, 1::4] = 0.8
    seen = cv2.GaussianBlur(cv2.resize(truth, (80, 64), interpolation=cv2.INTER_AREA), (0, 0), 2)
    assert np.percentile(np.abs(cv2.resize(truth, (80, 64), interpolation=cv2.INTER_AREA) - seen), 99.9) > 0.35
    assert glitch(seen, truth) != "changed too much"


def test_a_reduced_picture_passes():
    assert glitch(twice(PICTURE), PICTURE) == ""


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_a_defect(value):
    after = PICTURE.copy()
    after[3, 4, 1] = value
    assert defect(after) == "not finite"


@pytest.mark.parametrize(("level", "word"), [(0.0, "black"), (-3.0, "black"), (0.5, "constant"), (1.0, "constant")])
def test_a_picture_without_content_is_a_defect(level, word):
    assert defect(np.full((16, 16, 3), level, np.float32)) == word


def test_a_dark_picture_with_content_is_none():
    assert defect(PICTURE * np.float32(0.05)) == ""


@pytest.mark.parametrize("channel", range(3))
def test_a_shifted_colour_is_a_glitch(channel):
    after = PICTURE.copy()
    after[..., channel] += 0.1
    assert glitch(PICTURE, after) == "colour shifted"


def test_a_shifted_colour_in_one_corner_is_a_glitch():
    after = PICTURE.copy()
    after[:40, :40, 2] += 0.2
    assert glitch(PICTURE, after) == "colour shifted"


@pytest.mark.parametrize("enlarged", [1, 2, 4])
def test_noise_is_a_glitch(enlarged):
    height, width = PICTURE.shape[:2]
    after = np.random.default_rng(0).random((enlarged * height, enlarged * width, 3), dtype=np.float32)
    assert glitch(PICTURE, after) != ""


@pytest.mark.parametrize("enlarged", [1, 2, 4])
def test_blocks_of_colour_are_a_glitch(enlarged):
    after = cv2.resize(PICTURE, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    after[32 * enlarged : 48 * enlarged, 32 * enlarged : 48 * enlarged] = (1, 0, 1)
    assert glitch(PICTURE, after) != ""
