"""Cameras and takes are drawn in the ranges and by the chances of their kind."""

import math
from dataclasses import fields

import pytest
from simulated import (
    HARMLESS,
    drawn_from,
    seed,
)

from training.camera.cameras import CAMERAS, NONE
from training.camera.drawn import Dice, draw_camera, draw_take

# What is drawn


@pytest.mark.parametrize("name", CAMERAS)
def test_what_is_drawn_lies_in_the_ranges_of_the_camera(name):
    camera = CAMERAS[name]
    pairs = [drawn_from(camera, number) for number in range(120)]
    cameras, takes = zip(*pairs, strict=True)
    for values, span in (
        ([drawn.lens_px for drawn in cameras], camera.lens_px),
        ([drawn.shutter for drawn in cameras], camera.shutter),
        ([drawn.pattern_noise for drawn in cameras], camera.pattern_noise),
        ([drawn.drift for drawn in cameras], camera.drift),
        ([drawn.bands for drawn in cameras if drawn.bands], camera.bands),
        ([drawn.contrast for drawn in cameras], camera.contrast),
        ([drawn.sharpen_px for drawn in cameras], camera.sharpen_px),
        ([drawn.full_well for drawn in cameras if drawn.full_well < math.inf], camera.full_well),
        ([drawn.read_noise for drawn in cameras if drawn.read_noise], camera.read_noise),
        ([drawn.denoise_levels for drawn in cameras if drawn.denoise_levels], camera.denoise_levels),
        ([drawn.temporal_share for drawn in cameras if drawn.temporal_share], camera.temporal_share),
        ([drawn.sharpen_amount for drawn in cameras if drawn.sharpen_amount], camera.sharpen_amount),
        ([drawn.sensor_scale for drawn in cameras if drawn.sensor_scale != 1], camera.scale_range),
        ([take.softness_px for take in takes if take.softness_px], camera.softness_px),
        ([take.defocus_px for take in takes if take.defocus_px], camera.defocus_px),
        ([math.hypot(*take.speed) for take in takes if any(take.speed)], camera.speed_px),
        ([codec.quality for drawn in cameras for codec in drawn.codecs if codec.kind == "jpeg"], camera.jpeg_quality),
        ([codec.quality for drawn in cameras for codec in drawn.codecs if codec.kind == "h264"], camera.h264_crf),
    ):
        assert all(span[0] - 1e-6 <= value <= span[1] + 1e-6 for value in values)
        if len(values) > 60 and span != NONE:
            assert max(values) - min(values) > 0.7 * (span[1] - span[0]) or span in (
                camera.full_well,
                camera.read_noise,
            )


@pytest.mark.parametrize("name", CAMERAS)
def test_chances_are_those_of_the_camera(name):
    camera, count = CAMERAS[name], 300
    pairs = [drawn_from(camera, number) for number in range(count)]
    for chance, times in (
        (camera.linear, sum(drawn.linear for drawn, _ in pairs)),
        (camera.linear * camera.mosaic, sum(drawn.mosaic for drawn, _ in pairs)),
        (camera.noiseless, sum(math.isinf(drawn.full_well) for drawn, _ in pairs)),
        (camera.hot_pixels, sum(drawn.hot_pixels for drawn, _ in pairs)),
        (camera.denoise, sum(drawn.denoise_levels > 0 for drawn, _ in pairs)),
        (camera.temporal, sum(drawn.temporal_share > 0 for drawn, _ in pairs)),
        (camera.sharpen, sum(drawn.sharpen_amount > 0 for drawn, _ in pairs)),
        (camera.scale, sum(drawn.sensor_scale != 1 for drawn, _ in pairs)),
        (camera.again, sum(len(drawn.codecs) == 2 for drawn, _ in pairs)),
        (camera.uncompressed, sum(drawn.codecs[0].kind == "none" for drawn, _ in pairs)),
        ((1 - camera.uncompressed) * camera.jpeg, sum(drawn.codecs[0].kind == "jpeg" for drawn, _ in pairs)),
        (camera.soft_scene, sum(take.softness_px > 0 for _, take in pairs)),
        (camera.defocus, sum(take.defocus_px > 0 for _, take in pairs)),
        (camera.moving, sum(any(take.speed) for _, take in pairs)),
        ((1 - camera.moving) * camera.mover, sum(take.mover_px > 0 for _, take in pairs)),
    ):
        assert times / count == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / count) + 1e-9)


def test_a_camera_that_stands_still_or_moves_is_never_crossed_by_both():
    takes = [drawn_from(CAMERAS["webcam_mjpeg"], number)[1] for number in range(100)]
    assert not any(take.mover_px and any(take.speed) for take in takes)
    assert any(take.mover_px for take in takes)


def test_every_setting_of_a_drawn_camera_is_a_plain_value():
    drawn, take = drawn_from(CAMERAS["messenger"], 3)
    assert draw_camera(CAMERAS["messenger"], seed(3)) == drawn
    kinds = {type(getattr(part, field.name)) for part in (drawn, take) for field in fields(part)}
    assert kinds <= {bool, float, str, tuple}


def test_logarithmic_draws_favour_no_decade():
    dice = Dice(seed())
    values = [dice.logarithmic((1.0, 100.0)) for _ in range(400)]
    assert 1 <= min(values) <= max(values) <= 100
    assert sum(value < 10 for value in values) == pytest.approx(200, abs=40)


def test_takes_over_files_do_not_turn_or_enlarge_the_photograph():
    for name in ("clean_file", "clean_film", "file_from_a_camera"):
        for number in range(20):
            _, take = drawn_from(CAMERAS[name], number)
            assert (take.zoom, take.angle_rad, take.shift) == (2.0, 0.0, (0.0, 0.0))
    zooms = [draw_take(CAMERAS["webcam_mjpeg"], HARMLESS, seed(number)).zoom for number in range(50)]
    assert min(zooms) >= 2  # never less than a pixel of the photograph for one of the truth
