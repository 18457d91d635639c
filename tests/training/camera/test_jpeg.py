"""JPEG as tensor functions, held to the library that cameras and OpenCV use."""

import cv2
import numpy as np
import pytest
import torch
from making import photo
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio as psnr

from training.camera.jpeg import jpeg

PICTURES = {"photograph": astronaut()[100:292, 120:360], "drawn": photo(64, 80), "odd": photo(61, 83)}


def ours(picture, quality):
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
    answer = jpeg(tensor, quality=torch.tensor([float(quality)]))
    return (answer[0].permute(1, 2, 0) * 255).round().byte().numpy()


def library(picture, quality):
    arguments = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    _, data = cv2.imencode(".jpg", picture[..., ::-1], arguments)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("quality", [30, 60, 80, 95, 100])
def test_it_does_what_the_library_does(name, quality):
    picture = PICTURES[name]
    mine, theirs = ours(picture, quality), library(picture, quality)
    assert abs(psnr(picture, mine) - psnr(picture, theirs)) < 0.3
    assert psnr(theirs, mine) > psnr(picture, theirs) + 7


def test_the_difference_to_the_library_is_about_a_level():
    difference = np.abs(ours(PICTURES["photograph"], 90).astype(int) - library(PICTURES["photograph"], 90))
    assert difference.mean() < 1


def test_each_picture_of_a_batch_has_its_own_quality():
    pictures = torch.rand(2, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    both = jpeg(pictures, quality=torch.tensor([40.0, 90.0]))
    for index, quality in enumerate((40.0, 90.0)):
        alone = jpeg(pictures[index : index + 1], quality=torch.tensor([quality]))
        torch.testing.assert_close(both[index], alone[0], atol=1.01 / 255, rtol=0)


def test_flat_grey_is_left_alone():
    grey = torch.full((1, 3, 17, 19), 100 / 255)
    torch.testing.assert_close(jpeg(grey, quality=torch.tensor([50.0])), grey, atol=1.01 / 255, rtol=0)
