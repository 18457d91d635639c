"""The table of cameras: every range is one, and what is drawn lies in it."""

from dataclasses import fields

import pytest
import torch

from pipeline.core.params import DemoCamera
from training.camera.cameras import CAMERAS, Camera
from training.camera.drawn import draw_camera


@pytest.mark.parametrize("name", CAMERAS)
def test_ranges_rise_and_chances_are_shares(name):
    for field in fields(Camera):
        value = getattr(CAMERAS[name], field.name)
        if isinstance(value, tuple):
            assert value[0] <= value[1], field.name
        else:
            assert 0 <= value <= 1, field.name


@pytest.mark.parametrize("name", CAMERAS)
def test_what_is_drawn_lies_in_the_range_of_its_camera(name):
    camera = CAMERAS[name]
    for seed in range(40):
        drawn = draw_camera(camera, torch.Generator().manual_seed(seed))
        assert camera.lens_px[0] <= drawn.lens_px <= camera.lens_px[1]
        assert camera.full_well[0] <= drawn.full_well * 1.0001
        assert drawn.sharpen_amount == 0 or camera.sharpen_amount[0] <= drawn.sharpen_amount <= camera.sharpen_amount[1]
        for codec in drawn.codecs:
            low, high = camera.jpeg_quality if codec.kind == "jpeg" else camera.h264_crf
            assert codec.kind == "none" or low <= codec.quality <= high


def test_the_demo_s_cameras_are_those_that_see_light():
    assert set(DemoCamera.__args__) == {name for name, camera in CAMERAS.items() if camera.linear == 1}
