"""Fitting a frame: any size comes to the student's input, held to forms that share no code with it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from making import photo

from pipeline.core.geometry import crop, crop_box, enlarge, fit, kept, resize, shrinks
from pipeline.core.params import GeometryParams

SXGA = GeometryParams(width=1280, height=1024, scale=2, fit="crop")
VGA_TWICE = GeometryParams(width=1280, height=960, scale=2, fit="crop")
SMALL = GeometryParams(width=160, height=128, scale=2, fit="crop")
STRETCHED = SMALL.model_copy(update={"fit": "stretch"})
SIZES = [(640, 480), (480, 640), (1920, 1080), (75, 60), (80, 64), (160, 128), (81, 63), (9, 400), (400, 9), (1, 1)]


def grey_levels(a, b):
    return np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int)).max()


@pytest.mark.parametrize("geometry", [SMALL, STRETCHED], ids=lambda geometry: geometry.fit)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_comes_to_the_students_input_and_to_the_target(size, geometry):
    frame = photo(size[1], size[0])
    assert fit(frame, geometry=geometry).shape == (64, 80, 3)
    assert fit(frame, geometry=geometry).dtype == np.uint8
    assert fit(frame, geometry=geometry).flags["C_CONTIGUOUS"]
    for kernel in ("bicubic", "lanczos"):
        assert enlarge(frame, geometry=geometry, kernel=kernel).shape == (128, 160, 3)


def test_a_vga_camera_is_taken_as_it_is_where_the_target_has_its_shape():
    frame = photo(480, 640)
    assert crop_box(640, 480, geometry=VGA_TWICE) == (0, 0, 640, 480)
    np.testing.assert_array_equal(fit(frame, geometry=VGA_TWICE), frame)


def test_a_crop_is_the_largest_centred_part_of_the_targets_shape():
    assert crop_box(640, 480, geometry=SXGA) == (20, 0, 600, 480)
    assert crop_box(480, 640, geometry=SXGA) == (0, 128, 480, 384)
    assert crop_box(640, 480, geometry=SXGA.model_copy(update={"fit": "stretch"})) == (0, 0, 640, 480)


def test_of_an_odd_margin_the_pixel_more_is_cut_right_and_below():
    assert crop_box(641, 480, geometry=SXGA) == (20, 0, 600, 480)
    assert crop_box(480, 641, geometry=SXGA) == (0, 128, 480, 384)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_crop_lies_inside_the_frame_has_the_shape_and_touches_two_borders(size):
    width, height = size
    box = crop_box(width, height, geometry=SXGA)
    assert 0 <= box.x <= box.x + box.width <= width
    assert 0 <= box.y <= box.y + box.height <= height
    assert box.width >= 1
    assert box.height >= 1
    assert box.width == width or box.height == height
    assert abs(2 * box.x + box.width - width) <= 1
    if min(size) > 20:
        assert abs(box.width / box.height - 1280 / 1024) < 1.5 / min(box.width, box.height)


def test_a_crop_is_a_view_of_the_frame():
    frame = photo(480, 640)
    assert np.shares_memory(crop(frame, geometry=SXGA), frame)


@pytest.mark.parametrize("size", [(75, 60), (40, 32), (33, 21)], ids=str)
def test_what_is_enlarged_agrees_with_torchs_bicubic_within_one_grey_level(size):
    frame = photo(size[1], size[0])
    tensor = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    expected = F.interpolate(tensor, size=(64, 80), mode="bicubic", align_corners=False)
    expected = expected[0].permute(1, 2, 0).clamp(0, 255).round().numpy()
    assert grey_levels(resize(frame, size=(80, 64), kernel="bicubic"), expected) <= 1


def shares(source, target):
    """Rows (target, source): how much of each source pixel lies in a target pixel."""
    rows = np.zeros((target, source))
    for index in range(target):
        begin, end = index * source / target, (index + 1) * source / target
        for pixel in range(int(begin), min(source, int(np.ceil(end)))):
            rows[index, pixel] = min(end, pixel + 1) - max(begin, pixel)
    return rows / rows.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(160, 128), (200, 160), (240, 133), (101, 99)], ids=str)
def test_what_is_reduced_agrees_with_naive_averages_over_areas_within_one_grey_level(size):
    frame = photo(size[1], size[0])
    rows = np.tensordot(shares(size[1], 64), frame.astype(float), axes=(1, 0))
    expected = np.tensordot(rows, shares(size[0], 80), axes=(1, 1)).transpose(0, 2, 1)
    assert grey_levels(resize(frame, size=(80, 64), kernel="area"), expected.round()) <= 1


@pytest.mark.parametrize("size", [(75, 60), (320, 240), (64, 100)], ids=str)
def test_fit_is_crop_then_one_resize(size):
    frame = photo(size[1], size[0])
    used = crop(frame, geometry=SMALL)
    kernel = "area" if used.shape[0] * used.shape[1] > 80 * 64 else "bicubic"
    np.testing.assert_array_equal(fit(frame, geometry=SMALL), resize(used, size=(80, 64), kernel=kernel))


def test_pixels_are_squares_so_that_enlarging_shifts_nothing():
    """The centre of mass of a blob stays where it is, in units of the frame."""
    y, x = np.mgrid[:32, :40]
    blob = 255 * np.exp(-((x - 17.0) ** 2 + (y - 14.0) ** 2) / 18)
    large = resize(np.dstack([blob] * 3).astype(np.float32), size=(160, 128), kernel="bicubic")[..., 0]
    centre = [(axis * large).sum() / large.sum() for axis in np.mgrid[:128, :160]]
    np.testing.assert_allclose(centre, [4 * 14.5 - 0.5, 4 * 17.5 - 0.5], atol=0.02)


def test_floats_are_resized_without_a_clamp():
    frame = np.zeros((32, 40, 3), np.float32)
    frame[:, 20:] = 1
    large = resize(frame, size=(80, 64), kernel="bicubic")
    assert large.dtype == np.float32
    assert large.min() < 0
    assert large.max() > 1


def test_enlarging_takes_the_kernel_asked_for_and_areas_where_pixels_are_lost():
    small, large = photo(60, 70), photo(200, 250)
    for kernel in ("bicubic", "lanczos"):
        for frame, taken in ((small, kernel), (large, "area")):
            expected = resize(crop(frame, geometry=SMALL), size=(160, 128), kernel=taken)
            np.testing.assert_array_equal(enlarge(frame, geometry=SMALL, kernel=kernel), expected)
    assert not shrinks(np.zeros((6, 4, 3)), size=(6, 4))  # of another shape, but as many


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [
        ((640, 480), 2, (1280, 960)),
        ((1920, 1080), 2, (1528, 860)),
        ((1920, 1080), 8, (1520, 864)),
        ((1, 1), 2, (4, 4)),
    ],
)
def test_a_live_picture_keeps_its_shape_within_the_pixels_that_there_are(size, multiple, expected):
    made = kept(SXGA, width=size[0], height=size[1], multiple=multiple)
    assert (made.target, made.scale, made.fit) == (expected, 2, "stretch")
    assert kept(SXGA, width=size[0], height=size[1]) == kept(SXGA, width=size[0], height=size[1], multiple=2)
