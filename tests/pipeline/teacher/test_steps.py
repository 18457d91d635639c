"""The steps of a chain: each knows its size, and does what its name says."""

import cv2
import numpy as np
import pytest
from making import photo
from pydantic import ValidationError
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import denoise_nl_means

from pipeline.core.geometry import crop
from pipeline.core.params import GeometryParams
from pipeline.teacher.steps import STEPS, Crop, Denoise, Resize, Sharpen, Unsharp, lanczos_weights

GEOMETRY = GeometryParams(width=160, height=128, scale=2, fit="crop")
WITHOUT_WEIGHTS = {name: step for name, step in STEPS.items() if not step.is_network}


def picture(height, width, seed=0):
    return photo(height, width, seed=seed).astype(np.float32) / 255


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
@pytest.mark.parametrize("size", [(75, 60), (160, 128), (333, 201), (64, 90)], ids=str)
def test_a_step_gives_float32_of_the_size_it_announces(name, size):
    step, given = STEPS[name](), picture(size[1], size[0])
    kept = given.copy()
    given.setflags(write=False)
    answer = step.run(given, geometry=GEOMETRY)
    assert answer.dtype == np.float32
    assert answer.shape[1::-1] == step.size_after(size, geometry=GEOMETRY)
    np.testing.assert_array_equal(given, kept)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_a_step_refuses_an_argument_it_does_not_have(name):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        STEPS[name](strenght=1)


def test_crop_is_that_of_the_geometry():
    given = picture(60, 80)
    np.testing.assert_array_equal(Crop().run(given, geometry=GEOMETRY), crop(given, geometry=GEOMETRY))


@pytest.mark.parametrize(("kernel", "flag"), [("lanczos", cv2.INTER_LANCZOS4), ("bicubic", cv2.INTER_CUBIC)])
def test_resize_enlarges_by_opencvs_kernel(kernel, flag):
    given = picture(60, 75)
    expected = cv2.resize(given, (160, 128), interpolation=flag)
    np.testing.assert_array_equal(Resize(kernel=kernel).run(given, geometry=GEOMETRY), expected)


def test_resize_does_not_alias_what_it_reduces():
    """Stripes finer than the target can show become even grey; OpenCV's kernel would make coarse stripes of them."""
    x = np.arange(480)
    stripes = np.broadcast_to(0.5 + 0.5 * np.cos(np.pi * 0.9 * x)[None, :, None], (384, 480, 3)).astype(np.float32)
    reduced = Resize().run(stripes, geometry=GEOMETRY)[:, 8:-8]
    assert reduced.std() < 0.02
    assert cv2.resize(stripes, (160, 128), interpolation=cv2.INTER_LANCZOS4)[:, 8:-8].std() > 0.3


def test_lanczos_weights_add_up_and_keep_a_slope():
    weights = lanczos_weights(300, 100)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    slope = weights @ (np.arange(300) + 0.5)
    np.testing.assert_allclose(slope[5:-5], 3 * (np.arange(100) + 0.5)[5:-5], atol=1e-3)


def test_denoise_gains_nearly_as_much_as_the_same_method_elsewhere():
    clean = astronaut()[50:200, 100:250].astype(np.float32) / 255
    noisy = (clean + np.random.default_rng(0).normal(0, 0.03, clean.shape)).astype(np.float32)
    answer = Denoise(luma_strength=5, chroma_strength=7.5).run(noisy, geometry=GEOMETRY)
    reference = denoise_nl_means(noisy, patch_size=5, patch_distance=5, h=0.03, channel_axis=-1)
    gains = [peak_signal_noise_ratio(clean, given, data_range=1) for given in (noisy, answer, reference)]
    assert gains[1] > gains[0] + 3
    assert gains[1] > gains[2] - 1.5


def test_denoise_leaves_a_clean_slope_alone_to_a_grey_level():
    slope = np.broadcast_to(np.linspace(0.1, 0.9, 96, dtype=np.float32)[None, :, None], (64, 96, 3))
    answer = Denoise().run(np.ascontiguousarray(slope), geometry=GEOMETRY)
    assert np.abs(answer - slope)[:, 8:-8].max() < 1 / 255


def test_unsharp_adds_what_a_gaussian_takes_away():
    given = picture(40, 50)
    soft = cv2.GaussianBlur(given, (0, 0), 1.5)
    answer = Unsharp(sigma_px=1.5, amount=0.7).run(given, geometry=GEOMETRY)
    np.testing.assert_allclose(answer, given + 0.7 * (given - soft), atol=1e-6)
    np.testing.assert_array_equal(Unsharp(amount=0).run(given, geometry=GEOMETRY), given)


def test_sharpen_is_the_untamed_kernel():
    given = picture(12, 15)
    answer = Sharpen(centre=9).run(given, geometry=GEOMETRY)
    padded = np.pad(given, ((1, 1), (1, 1), (0, 0)), mode="edge")
    naive = 10 * given - sum(padded[y : y + 12, x : x + 15] for y in range(3) for x in range(3))
    np.testing.assert_allclose(answer, naive, atol=1e-5)
