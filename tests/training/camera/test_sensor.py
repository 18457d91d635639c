"""The simulated camera does to light what its settings say, and shifts nothing."""

import math

import cv2
import numpy as np
import pytest
import torch
from making import photo

from training.camera import sensor as camera
from training.camera.sensor import Settings, View

SCENE = torch.from_numpy(photo(64, 80)).permute(2, 0, 1).float() / 255
MIDDLE = (40.0, 32.0)


def pose(x=MIDDLE[0], y=MIDDLE[1], zoom=1.0, angle=0.0):
    return torch.tensor([[x, y, zoom, angle]])


def settings(**changed):
    """A camera without harm, but for what is changed."""
    values = {
        "lens_blur_px": 0.01,
        "shutter_s": 0.01,
        "exposure": 1.0,
        "white_balance_red": 1.0,
        "white_balance_blue": 1.0,
        "full_well": 1e12,
        "read_noise": 0.0,
        "gamma": 2.2,
        "jpeg_quality": 100.0,
    }
    return Settings(**{name: torch.tensor([value]) for name, value in (values | changed).items()})


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_view_straight_ahead_shows_the_scene_itself():
    seen = camera.render(SCENE, pose(), View(64, 80, 1, 1))
    torch.testing.assert_close(seen[0], SCENE, atol=1e-4, rtol=0)


def test_a_step_to_the_side_shifts_by_as_many_pixels():
    seen = camera.render(SCENE, pose(x=MIDDLE[0] + 5, y=MIDDLE[1] - 3), View(20, 20, 1, 1))
    torch.testing.assert_close(seen[0], SCENE[:, 19:39, 35:55], atol=1e-4, rtol=0)


def test_an_offset_of_the_raster_is_a_step_in_the_cameras_own_direction():
    turned = camera.render(SCENE, pose(angle=math.pi / 2), View(20, 20, 1, 1, offset_y=4))
    stepped = camera.render(SCENE, pose(x=MIDDLE[0] - 4, angle=math.pi / 2), View(20, 20, 1, 1))
    torch.testing.assert_close(turned, stepped, atol=1e-4, rtol=0)


def test_a_quarter_turn_turns_the_picture():
    seen = camera.render(SCENE, pose(angle=math.pi / 2), View(20, 20, 1, 1))[0]
    torch.testing.assert_close(seen, torch.rot90(SCENE[:, 22:42, 30:50], k=1, dims=(1, 2)), atol=1e-4, rtol=0)


def test_a_finer_raster_shows_the_same_place():
    """Averages over a raster twice as fine are what the coarse one sees of a smooth scene."""
    smooth = camera.blur(SCENE[None], sigma_px=torch.tensor([3.0]))[0]
    coarse = camera.render(smooth, pose(), View(32, 40, 1, 1))
    fine = camera.render(smooth, pose(), View(64, 80, 0.5, 0.5))
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(fine, 2), coarse, atol=3e-3, rtol=0)


@pytest.mark.parametrize("sigma", [0.5, 1.3, 2.6])
def test_blur_is_opencvs_gaussian(sigma):
    radius = max(1, int(3 * sigma + 0.5))
    side = 2 * radius + 1
    picture = SCENE.permute(1, 2, 0).numpy()
    expected = cv2.GaussianBlur(picture, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    answer = camera.blur(SCENE[None], sigma_px=torch.tensor([sigma]))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_each_frame_of_a_batch_has_its_own_blur():
    sigmas = torch.tensor([0.5, 2.0])
    both = camera.blur(SCENE.expand(2, -1, -1, -1), sigma_px=sigmas)
    alone = [camera.blur(SCENE[None], sigma_px=sigma[None]) for sigma in sigmas]
    torch.testing.assert_close(both, torch.cat(alone), atol=2e-3, rtol=0)


def test_the_path_of_an_exposure_has_its_middle_at_the_pose():
    velocity = torch.tensor([[100.0, -40.0, 0.1, 0.2]])
    path = camera.exposure_path(pose(), velocity, shutter_s=torch.tensor([0.05]), steps=5)
    torch.testing.assert_close(path.mean(dim=1), pose())
    assert float(path[0, -1, 0] - path[0, 0, 0]) == pytest.approx(100 * 0.05 * 4 / 5)


@pytest.mark.parametrize(("speed", "expected"), [(0, 1), (100, 4), (1e6, 12)])
def test_sub_exposures_are_as_many_as_the_motion_needs(speed, expected):
    velocity = torch.tensor([[float(speed), 0, 0, 0]])
    assert camera.steps_needed(velocity, shutter_s=torch.tensor([0.03]), zoom=1.0) == expected


def test_motion_blurs_along_the_path_alone():
    velocity = torch.tensor([[300.0, 0, 0, 0]])
    path = camera.exposure_path(pose(), velocity, shutter_s=torch.tensor([0.02]), steps=7)
    still, moving = (
        camera.look(SCENE, poses, settings(), height=40, width=48, generator=generator()).mean(dim=1)
        for poses in (pose()[:, None], path)
    )
    across, along = ((picture.diff(dim=1).std(), picture.diff(dim=2).std()) for picture in (still, moving))
    assert along[1] < 0.7 * across[1]
    assert along[0] > 0.6 * across[0]


def test_without_harm_the_raw_frame_is_the_truth_to_what_mosaic_and_jpeg_leave():
    smooth = camera.blur(SCENE[None], sigma_px=torch.tensor([2.0]))[0]
    raw = camera.look(smooth, pose()[:, None], settings(), height=40, width=48, generator=generator())
    truth = camera.ideal(smooth, pose(), settings(), View(40, 48, 1, 1))
    assert (raw - truth).abs().mean() < 1.5 / 255


def test_exposure_white_balance_and_gamma_are_in_the_truth():
    flat = torch.full((3, 16, 16), 0.2)
    known = settings(exposure=1.1, white_balance_red=0.9, white_balance_blue=1.2, gamma=2.0)
    truth = camera.ideal(flat, pose(8, 8), known, View(8, 8, 1, 1))
    expected = [(0.2 * 1.1 * gain) ** 0.5 for gain in (0.9, 1.0, 1.2)]
    np.testing.assert_allclose(truth.mean(dim=(0, 2, 3)), expected, rtol=1e-5)
    raw = camera.look(flat, pose(8, 8)[:, None], known, height=16, width=16, generator=generator())
    np.testing.assert_allclose(raw.mean(dim=(0, 2, 3)), expected, atol=1.5 / 255)


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_noise_has_the_deviation_of_shot_and_read_noise(level):
    flat = torch.full((1, 3, 150, 150), level)
    noise = camera.noise(flat, settings(full_well=400.0, read_noise=0.006), generator=generator())
    assert float(noise.std()) == pytest.approx(math.sqrt(level / 400 + 0.006**2), rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=5e-4)


def test_noise_is_seen_in_the_raw_frame():
    flat = torch.full((3, 160, 160), 0.3)
    quiet, noisy = (
        camera.look(flat, pose(80, 80)[:, None], known, height=150, width=150, generator=generator())
        for known in (settings(), settings(full_well=400.0))
    )
    assert float(quiet.std()) < 1 / 255
    assert float(noisy.std()) > 0.01


def test_the_mosaic_is_interpolated_as_opencv_does_it():
    picture = photo(64, 80)
    sensels = (torch.from_numpy(picture).permute(2, 0, 1) * camera.bayer(64, 80)).sum(dim=0).numpy()
    expected = cv2.cvtColor(sensels.astype(np.uint8), cv2.COLOR_BayerGRBG2RGB)
    answer = camera.demosaic(torch.from_numpy(picture).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).numpy()
    assert np.abs(answer - expected)[1:-1, 1:-1].max() <= 0.51


def test_the_mosaic_leaves_even_light_and_its_own_sensels_alone():
    light = torch.rand(2, 3, 10, 12, generator=generator())
    seen = camera.demosaic(light)
    kept = camera.bayer(10, 12).expand(2, -1, -1, -1) > 0
    assert torch.equal(seen[kept], light[kept])
    torch.testing.assert_close(camera.demosaic(torch.full((1, 3, 6, 8), 0.3)), torch.full((1, 3, 6, 8), 0.3))


def test_raw_frames_lie_on_the_levels_of_eight_bits():
    known = camera.draw_settings(1, generator=generator())
    raw = camera.look(SCENE, pose()[:, None], known, height=30, width=40, generator=generator())
    torch.testing.assert_close(raw * 255, (raw * 255).round(), atol=1e-3, rtol=0)
    assert 0 <= raw.min() <= raw.max() <= 1


def test_settings_are_drawn_from_the_seed_within_their_ranges():
    drawn = camera.draw_settings(500, generator=generator())
    again, other = (camera.draw_settings(500, generator=generator(seed)) for seed in (0, 1))
    for name, (low, high) in camera.RANGES.items():
        values = getattr(drawn, name)
        assert low * 0.9999 <= values.min() < low + 0.05 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high * 1.0001
        torch.testing.assert_close(values, getattr(again, name), rtol=0, atol=0)
        assert (values != getattr(other, name)).any()
    assert drawn.select(3).values() == {name: round(float(getattr(drawn, name)[3]), 6) for name in camera.RANGES}
