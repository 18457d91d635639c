"""The photographs that the bench of cameras takes."""

import numpy as np
import pytest

from pipeline.core.errors import SharpcamError
from pipeline.families.photographs import cut, photographs, spread


def test_without_a_folder_those_that_packages_ship_are_taken():
    photos = photographs(None, at_most=None)
    assert {"astronaut", "chelsea", "china", "coffee", "flower", "motorcycle_left", "page", "rocket"} == set(photos)
    for photo in photos.values():
        assert photo.dtype == np.uint8
        assert photo.shape[0] % 4 == photo.shape[1] % 4 == 0
        assert photo.shape[0] <= 480
        assert photo.shape[1] <= 640


def test_photographs_are_cut_in_the_middle_and_far_larger_ones_reduced_first():
    rows = np.arange(500, dtype=np.uint16).astype(np.uint8)
    photo = np.broadcast_to(rows[:, None, None], (500, 643, 3))
    assert np.array_equal(cut(photo)[:, 0, 0], rows[10:490])
    assert cut(photo).shape == (480, 640, 3)
    assert cut(np.zeros((1500, 1999, 3), np.uint8)).shape == (480, 640, 3)
    checked = np.zeros((960, 1280, 3), np.uint8)
    checked[::2, ::2] = checked[1::2, 1::2] = 200
    assert (cut(checked) == 100).all()


def test_some_are_spread_over_all():
    assert spread(list("abcdefghi"), at_most=3) == ["a", "e", "i"]
    assert spread(list("abc"), at_most=5) == ["a", "b", "c"]
    assert spread(list("abc"), at_most=1) == ["a"]


def test_none_is_too_few():
    with pytest.raises(SharpcamError, match="--at-most is 0"):
        photographs(None, at_most=0)
