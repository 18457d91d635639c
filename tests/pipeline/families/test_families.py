"""The families of cameras: as described, always the same, and unknown to whatever trains."""

import re

import cv2
import numpy as np
import pytest
from making import ROOT
from skimage.data import astronaut

from pipeline.families.codecs import H264, Jpeg, Vp9
from pipeline.families.families import FAMILIES, SEED, Family, bicubic_rows, half_of_area, half_of_light

HELD_OUT = [name for name, family in FAMILIES.items() if family.held_out]


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(astronaut()[:96, 180:308])


def test_a_to_h_are_those_of_the_measurements():
    described = {
        "A": Family(codecs=(Jpeg(90),)),
        "B": Family(codecs=(H264(23),)),
        "C": Family(sharpening=0.6, noise=3, codecs=(Jpeg(80),)),
        "D": Family(blur_px=0.7, noise=6, codecs=(Jpeg(70),)),
        "E": Family(blur_px=1.2, noise=10, codecs=(Jpeg(60),)),
        "F": Family(halving="linear", codecs=(Jpeg(92),)),
        "G": Family(halving="linear", blur_px=0.8, sharpening=0.8, noise=4, codecs=(Jpeg(85),)),
        "H": Family(halving="linear", blur_px=0.6, noise=8, codecs=(H264(30),)),
    }
    assert {name[0]: family for name, family in FAMILIES.items() if name[1] == "_"} == described


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_gives_the_same_bytes_again(name, photo):
    first, again = (FAMILIES[name].shot(photo, name=name, frames=3) for _ in range(2))
    assert [frame.tobytes() for frame in first] == [frame.tobytes() for frame in again]
    assert {(frame.shape, frame.dtype) for frame in first} == {((48, 64, 3), np.dtype(np.uint8))}
    assert len(first) == 3


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_shows_the_truth_at_its_place(name, photo):
    """The enlarged last frame fits the truth better than a truth that is shifted by a pixel either way."""
    family = FAMILIES[name]
    small = family.shot(photo, name=name, frames=3)[-1]
    enlarged = cv2.resize(small, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC).astype(float)
    errors = {
        shift: np.mean((enlarged - np.roll(family.truth(photo), shift, axis=(0, 1)).astype(float))[4:-4, 4:-4] ** 2)
        for shift in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    }
    assert min(errors, key=errors.get) == (0, 0)


def test_noise_is_another_in_each_frame_and_for_each_name(photo):
    family = Family(noise=5)
    one, two = family.shot(photo, name="one", frames=2)
    assert np.std(one.astype(float) - two) == pytest.approx(5 * np.sqrt(2), rel=0.1)
    assert not np.array_equal(one, family.shot(photo, name="other", frames=2)[0])


def test_halving_in_light_keeps_the_light_and_halving_in_gamma_the_levels():
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.allclose(half_of_area(stripes, 0), 127.5)
    assert np.allclose(half_of_light(stripes, 0), 187.5, atol=0.1)  # sRGB of half the light


def test_halving_by_bicubic_keeps_ramps():
    rows = bicubic_rows(40)
    assert np.allclose(rows.sum(axis=1), 1)
    assert np.allclose((rows @ np.arange(40))[4:-4], np.arange(20)[4:-4] * 2 + 0.5)


def test_sharpening_overshoots_and_blur_does_not(photo):
    edge = np.full((64, 64, 3), 60, np.uint8)
    edge[:, 32:] = 180
    assert Family(sharpening=0.6).shot(edge, name="", frames=1)[0].max() > 190
    blurred = Family(blur_px=1.2).shot(edge, name="", frames=1)[0]
    assert blurred.max() == 180
    assert len(np.unique(blurred)) > 4


def test_a_panning_camera_moves_and_ends_on_the_photograph(photo):
    still, moving = Family(), Family(pan_px=2)
    frames = moving.shot(photo, name="", frames=3)
    end = still.shot(photo, name="", frames=1)[0]
    assert np.array_equal(frames[2], end)
    assert np.array_equal(frames[1][:, 2:], end[:, :-2])
    assert np.array_equal(frames[0][:, 4:], end[:, :-4])
    assert all(np.array_equal(frame, end) for frame in moving.shot(photo, name="", frames=3, still=True))


def test_the_curve_changes_the_truth_as_it_changes_the_frame(photo):
    family = Family(contrast=0.5)
    small, truth = family.shot(photo, name="", frames=1)[0], family.truth(photo)
    assert abs(small.mean() - truth.mean()) < 1 < abs(truth.mean() - photo.mean())


@pytest.mark.parametrize("codec", [Jpeg(60), Jpeg(60, "422"), H264(30), Vp9(36)])
def test_a_codec_gives_back_every_frame_a_little_worse(codec, photo):
    frames = [np.ascontiguousarray(np.roll(photo, 2 * shift, axis=1)) for shift in range(3)]
    decoded = codec.apply(frames)
    errors = [np.abs(after.astype(float) - before).mean() for after, before in zip(decoded, frames, strict=True)]
    assert all(0.5 < error < 20 for error in errors)


def test_two_families_are_held_out_of_all_training():
    assert len(HELD_OUT) == 2
    kinds = [FAMILIES[name] for name in HELD_OUT]
    assert any(isinstance(codec, Vp9) for family in kinds for codec in family.codecs)
    assert any(family.smoothing for family in kinds)


def test_training_code_knows_nothing_of_the_bench():
    words = ["vp9", "vpx", "bilateral", "beauty", *HELD_OUT]
    for file in (ROOT / "training").rglob("*.py"):
        text = file.read_text(encoding="utf-8").lower()
        assert [word for word in words if word in text] == [], file
    for file in [*(ROOT / "training").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]:
        assert not re.search(r"^\s*(from|import) benchmarks", file.read_text(encoding="utf-8"), re.MULTILINE), file


def test_the_bench_harms_without_the_camera_that_trains():
    for file in (ROOT / "benchmarks/cameras").glob("*.py"):
        assert "training.camera" not in file.read_text(encoding="utf-8"), file
    assert SEED == 17  # another seed is another bench: its tables no longer compare
