"""Kept pictures come back bit by bit, and never take more room than they may."""

import os

import numpy as np
import pytest

from pipeline.teacher.cache import StepCache

ONE = np.random.default_rng(0).random((16, 16, 3), dtype=np.float32)
FILE_BYTES = ONE.nbytes + 128  # what numpy writes before the numbers


@pytest.fixture
def cache(tmp_path):
    return StepCache(tmp_path / "cache", limit_bytes=3 * FILE_BYTES)


def used(cache):
    return sum(entry.stat().st_size for entry in os.scandir(cache.folder))


def test_a_kept_picture_comes_back_bit_by_bit(cache):
    cache.put("a", ONE)
    np.testing.assert_array_equal(cache.get("a"), ONE)
    assert cache.get("a").dtype == np.float32
    assert cache.get("b") is None


def test_what_was_unused_longest_goes_and_the_limit_holds(cache):
    for age, key in ((30, "a"), (20, "b"), (10, "c")):
        cache.put(key, ONE)
        os.utime(cache.folder / f"{key}.npy", ns=(0, 10**18 - age))
    cache.get("a")  # used just now
    cache.put("d", ONE)
    assert used(cache) <= cache.limit_bytes
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.get("d") is not None


def test_many_pictures_never_take_more_than_the_limit(cache):
    for index in range(10):
        cache.put(str(index), ONE)
        assert used(cache) <= cache.limit_bytes


def test_what_alone_is_over_the_limit_is_not_kept(tmp_path):
    small = StepCache(tmp_path / "cache", limit_bytes=100)
    small.put("a", ONE)
    assert small.get("a") is None
    StepCache(tmp_path / "none", limit_bytes=0).put("a", ONE)
    assert not (tmp_path / "none" / "a.npy").exists()


@pytest.mark.parametrize("data", [b"", b"no picture", None])
def test_a_damaged_file_is_as_if_it_were_not_there(cache, data):
    cache.put("a", ONE)
    file = cache.folder / "a.npy"
    file.write_bytes(file.read_bytes()[:-9] if data is None else data)
    assert cache.get("a") is None
    cache.put("a", ONE)
    np.testing.assert_array_equal(cache.get("a"), ONE)
