"""Pictures of any size: what tiles give is what one piece gives."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.enhance.sizing import Sizing
from pipeline.enhance.tiling import spans
from pipeline.enhance.upscaler import OVERLAP_PX, load_upscaler
from training.models import MODELS


@pytest.mark.parametrize("side", [2, 64, 100, 128, 130, 190, 192, 194, 998, 1000])
def test_what_tiles_keep_covers_a_side_once_and_lies_inside_them(side):
    found = spans(side, tile_px=128, overlap_px=32)
    assert found[0].keep_start == 0
    assert found[-1].keep_end == side
    for before, after in pairwise(found):
        assert before.keep_end == after.keep_start
        assert before.keep_end <= before.end - 32
        assert after.keep_start >= after.start + 32
    assert all(span.start % 2 == 0 and 0 <= span.start < span.end <= side for span in found)
    assert len({span.end - span.start for span in found}) == 1  # one size is compiled


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(301, 203), (128, 500), (97, 98)], ids=str)
def test_tiled_equals_untiled_within_one_grey_level(upscaler, size, kind):
    picture = photo(*size).astype(kind) * (np.iinfo(kind).max // 255)
    whole = upscaler.enhance(picture)
    tiled = replace(upscaler, whole_px=0, tile_px=4 * OVERLAP_PX).enhance(picture)
    assert whole.shape == (2 * size[0], 2 * size[1], 3)
    assert whole.dtype == tiled.dtype == kind
    assert np.abs(whole.astype(int) - tiled).max() <= np.iinfo(kind).max // 255


def test_the_tiles_tell_how_far_they_are(upscaler):
    told: list[int] = []
    replace(upscaler, whole_px=0, tile_px=128).enhance(photo(200, 300), told.append)
    assert sum(told) == 200 * 300
    assert len(told) > 3


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (7, 5)], ids=str)
def test_the_smallest_and_odd_sizes_are_doubled(upscaler, size):
    assert upscaler.enhance(photo(*size)).shape == (2 * size[0], 2 * size[1], 3)


def test_16_bits_agree_with_8_and_say_more(upscaler):
    picture = photo(60, 80)
    deep = upscaler.enhance(picture.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - upscaler.enhance(picture)).max() <= 0.51  # rounding
    assert (deep % 257 != 0).any()


def test_fitted_pictures_have_the_target_geometry(trained_once):
    upscaler = load_upscaler(trained_once.paths.contract, engine="onnxruntime-fp32", threads=1, fitted=True)
    picture = photo(50, 200)
    assert upscaler.enhance(picture).shape == (128, 160, 3)
    np.testing.assert_array_equal(upscaler.enhance(picture), upscaler.student.enhance(picture))
    assert upscaler.beside(picture[..., 0]).shape == (128, 160)


def test_a_blank_answer_is_no_picture(upscaler, monkeypatch):
    class Black:
        def enhance(self, frame, out=None):
            return np.zeros((2 * frame.shape[0], 2 * frame.shape[1], 3), np.uint8)

    broken = replace(upscaler, student=replace(upscaler.student, running=Black()))
    with pytest.raises(SharpcamError, match="blank picture"):
        broken.enhance(photo(60, 80))
    assert not broken.enhance(np.zeros((60, 80, 3), np.uint8)).any()  # black stays black
    night = (photo(60, 80) // 20).astype(np.uint8)
    assert not broken.enhance(night).any()  # and what is nearly black may become it
    assert not broken.enhance(np.array([[[1, 0, 0]]], np.uint8)).any()


@pytest.mark.parametrize("name", ["student_s", "student_m", "student_l"])
def test_no_student_looks_beyond_the_overlap(name):
    import torch

    torch.manual_seed(0)
    model = MODELS[name]().double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    side = 4 * OVERLAP_PX
    frame = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    middle = model(frame)[..., side : side + 2, side : side + 2]  # of the answer, which is twice as large
    seen = torch.autograd.grad(middle.sum(), frame)[0].abs().sum(dim=(0, 1)).nonzero()
    assert (seen - side // 2).abs().max() <= OVERLAP_PX


@pytest.mark.parametrize("shape", [(240, 320, 3), (320, 240, 3)])
def test_what_is_to_be_smaller_is_reduced_to_twice_that_before_the_student(upscaler, shape):
    """A 4K clip of which 1280 by 720 are wanted takes a quarter of the work that doubling all of it would."""
    large, size = photo(*shape[:2]), (shape[1] // 4, shape[0] // 4)
    sized, done = replace(upscaler, sizing=Sizing(1, size)), []
    made = sized.enhance(large, done.append)
    half = cv2.resize(large, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(made, cv2.resize(upscaler.enhance(half), size, interpolation=cv2.INTER_AREA))
    assert abs(sum(done) - large.shape[0] * large.shape[1]) < 8  # told in pixels of what was given
    assert sized.seen([large]).dials == upscaler.seen([half]).dials
    assert sized.beside(large[..., 0]).shape == size[::-1]
