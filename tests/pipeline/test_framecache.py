"""Decoded frames are those on disk, decoded once, and again only where they changed."""

import os

import numpy as np
import pytest
from making import photo

from pipeline.framecache import decoded_clips
from pipeline.frames import read_frame, write_frame
from pipeline.geometry import fit

STEMS = ["000000", "000002"]


@pytest.fixture
def decode(project):
    for index, stem in enumerate(STEMS):
        write_frame(project.paths.raw / "a" / f"{stem}.png", photo(60, 80, seed=index))
        write_frame(project.paths.teacher / "a" / f"{stem}.png", photo(128, 160, seed=index))

    def decode(stems=STEMS, **changes):
        geometry = project.change(geometry=changes).geometry
        (clip,) = decoded_clips({"a": stems}, paths=project.paths, geometry=geometry)
        return clip

    decode.project = project
    return decode


def files(decode):
    return {path.name: path.stat().st_mtime_ns for path in (decode.project.paths.cache / "frames").iterdir()}


def test_inputs_are_fitted_raw_frames_and_targets_the_teachers_pictures(decode):
    clip, project = decode(), decode.project
    for index, stem in enumerate(STEMS):
        raw = read_frame(project.paths.raw / "a" / f"{stem}.png")
        np.testing.assert_array_equal(clip.inputs[index], fit(raw, geometry=project.params.geometry))
        np.testing.assert_array_equal(clip.targets[index], read_frame(project.paths.teacher / "a" / f"{stem}.png"))


def test_frames_are_decoded_once(decode):
    decode()
    before = files(decode)
    decode()
    assert files(decode) == before


@pytest.mark.parametrize("folder", ["raw", "teacher"])
def test_a_changed_frame_is_decoded_again_and_the_old_pictures_go(decode, folder):
    decode()
    before = files(decode)
    path = decode.project.root / "data" / folder / "a" / "000002.png"
    shape = (60, 80) if folder == "raw" else (128, 160)
    write_frame(path, photo(*shape, seed=9))
    os.utime(path, ns=(0, 5))
    clip = decode()
    changed = clip.inputs[1] if folder == "raw" else clip.targets[1]
    expected = photo(*shape, seed=9)
    np.testing.assert_array_equal(
        changed, fit(expected, geometry=decode.project.params.geometry) if folder == "raw" else expected
    )
    assert len(files(decode)) == len(before) == 2


def test_another_geometry_is_decoded_again(decode):
    assert decode().inputs.shape == (2, 64, 80, 3)
    assert decode(fit="stretch").inputs.shape == (2, 64, 80, 3)
    stretched = fit(photo(60, 80), geometry=decode.project.params.geometry)
    np.testing.assert_array_equal(decode(fit="stretch").inputs[0], stretched)


def test_a_decoding_that_was_cut_off_is_done_again(decode):
    decode()
    folder = decode.project.paths.cache / "frames"
    for file in folder.iterdir():
        file.rename(folder / f".{file.name}.part")
    np.testing.assert_array_equal(decode().targets[0], photo(128, 160))
