"""Codecs of cameras: real ones, whose harm is what the dials say."""

import os
import subprocess
import sys

import numpy as np
import pytest
from making import ROOT, photo
from skimage import data

from training.camera.codecs import H264_ERROR, JPEG_ERROR, MOST_ERROR, Codec

FRAMES = np.stack([photo(96, 128, seed=5)] * 5)
PHOTOGRAPHS = [picture()[::2, ::2][60:188, 70:198] for picture in (data.astronaut, data.coffee, data.rocket)]


def luma_error(codec: Codec, frames: np.ndarray = FRAMES) -> float:
    weights = np.array([0.299, 0.587, 0.114])
    difference = (codec.apply(frames).astype(float) - frames) @ weights
    return float(np.sqrt(np.square(difference[-1]).mean()))


def test_no_codec_changes_nothing():
    assert Codec("none").apply(FRAMES) is FRAMES
    assert Codec("none").compression == 0


@pytest.mark.parametrize("codec", [Codec("jpeg", 80), Codec("jpeg", 60, "4:2:2"), Codec("h264", 26.0)], ids=str)
def test_a_codec_keeps_shape_and_picture_and_gives_the_same_bytes_again(codec):
    made = codec.apply(FRAMES)
    assert made.shape == FRAMES.shape
    assert made.dtype == np.uint8
    assert 0.5 < luma_error(codec) < 20
    np.testing.assert_array_equal(made, codec.apply(FRAMES))


@pytest.mark.parametrize(("kind", "settings"), [("jpeg", (98, 85, 70, 50)), ("h264", (18.0, 23.0, 28.0, 35.0))])
def test_the_harm_and_the_dial_grow_together(kind, settings):
    codecs = [Codec(kind, setting) for setting in settings]
    errors, dials = [luma_error(codec) for codec in codecs], [codec.compression for codec in codecs]
    assert errors == sorted(errors)
    assert dials == sorted(dials)
    assert 0 < dials[0] < dials[-1] <= 1


def test_the_tables_cover_what_cameras_draw():
    assert (JPEG_ERROR[0][0], JPEG_ERROR[-1][0]) == (30, 98)
    assert (H264_ERROR[0][0], H264_ERROR[-1][0]) == (18, 35)
    assert Codec("h264", 35.0).compression == pytest.approx(min(1, H264_ERROR[-1][1] / MOST_ERROR))


def test_later_frames_of_a_film_are_coded_from_earlier_ones():
    noise = np.random.default_rng(0).normal(0, 4, (5, 96, 128, 3))
    noisy = (FRAMES + noise).clip(0, 255).astype(np.uint8)
    made = Codec("h264", 30.0).apply(noisy).astype(int)
    apart = np.abs(np.diff(noisy.astype(int), axis=0)).mean()
    assert np.abs(np.diff(made, axis=0)).mean() < 0.7 * apart  # noise is frozen


def test_chroma_of_420_is_coarser_than_of_444():
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[..., ::2, :] = (200, 40, 40)
    stripes[..., 1::2, :] = (40, 130, 220)
    fine, coarse = (
        np.abs(Codec("jpeg", 95, kind).apply(stripes).astype(int) - stripes).mean() for kind in ("4:4:4", "4:2:0")
    )
    assert coarse > 3 * fine


@pytest.mark.parametrize(("kind", "table"), [("jpeg", JPEG_ERROR), ("h264", H264_ERROR)])
def test_on_photographs_the_harm_is_that_of_the_tables(kind, table):
    for setting, expected in table:
        found = [luma_error(Codec(kind, setting), np.stack([frame] * 5)) for frame in PHOTOGRAPHS]
        assert expected / 1.5 < np.mean(found) < 1.5 * expected, setting


def test_memory_that_was_used_before_changes_no_byte():
    """libx264 looks at memory it never wrote; MALLOC_PERTURB_ of glibc is what it finds there."""
    code = (
        "import sys; sys.path[:0] = ['tests/support']; import zlib, numpy; from making import photo\n"
        "from training.camera.codecs import Codec\n"
        "noise = numpy.random.default_rng(0).normal(0, 8, (5, 112, 160, 3))\n"
        "frames = (photo(112, 160) + noise).clip(0, 255).astype('uint8')\n"
        "print(*(zlib.crc32(Codec('h264', crf).apply(frames)) for crf in (18.0, 24.0, 34.6)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "MALLOC_PERTURB_": garbage},
            check=True,
            capture_output=True,
        ).stdout
        for garbage in ("0", "77", "255")
    }
    assert len(found) == 1
