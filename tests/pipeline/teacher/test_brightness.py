"""An enlargement is as bright as its frame wherever one looks from afar, and is changed in nothing else."""

import cv2
import numpy as np
import pytest
from making import photo

from pipeline.teacher.brightness import with_light_of
from pipeline.teacher.guard import glitch

PICTURE = cv2.GaussianBlur(photo(192, 240).astype(np.float32) / 255, (0, 0), 1)
TWICE = cv2.resize(PICTURE, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("change", [(0.8, 0.8, 0.8), (1.3, 1.0, 0.8)], ids=str)
def test_what_a_network_darkened_or_coloured_is_given_back(change):
    after = TWICE * np.float32(change)
    assert glitch(PICTURE, after) == "colour shifted"
    fixed = with_light_of(PICTURE, after)
    assert glitch(PICTURE, fixed) == ""
    assert np.abs(fixed - TWICE).max() < 0.02


def test_one_dark_corner_is_given_back_and_the_rest_stays():
    after = TWICE.copy()
    after[:128, :128] *= 0.8
    fixed = with_light_of(PICTURE, after)
    assert np.abs(fixed[:96, :96] - TWICE[:96, :96]).mean() < np.abs(after[:96, :96] - TWICE[:96, :96]).mean() / 2
    np.testing.assert_allclose(fixed[-64:, -64:], TWICE[-64:, -64:], atol=0.01)


@pytest.mark.parametrize("size", [(192, 240), (50, 38), (9, 7)], ids=str)
def test_a_good_enlargement_stays_as_it_is_at_any_size(size):
    seen = np.ascontiguousarray(PICTURE[: size[0], : size[1]])
    after = cv2.resize(seen, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(with_light_of(seen, after), after, atol=0.01)


@pytest.mark.parametrize("level", [0.0, np.nan])
def test_what_is_broken_stays_broken(level):
    fixed = with_light_of(PICTURE, np.full_like(TWICE, level))
    np.testing.assert_array_equal(fixed, np.full_like(TWICE, level))


def test_noise_in_the_dark_is_not_blown_up():
    dark = np.zeros((64, 64, 3), np.float32)
    after = np.full((128, 128, 3), 0.01, np.float32)
    assert with_light_of(dark, after).max() <= 0.01
