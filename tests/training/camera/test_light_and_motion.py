"""Light and motion in clips of simulated cameras: what the truth shares with the raw frame, and what it does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from aligned import shift_between
from simulated import (
    HARMLESS,
    STILL,
    camera_with,
    detail,
    filmed,
    flat,
    green_light,
    grey,
    halved,
)

MOVING = replace(STILL, speed=(2.0, -1.0))


CROSSED = replace(STILL, mover_px=8.0, mover_speed=(3.0, 1.0))


def test_a_soft_scene_is_as_soft_in_the_truth():
    soft, sharp = (filmed(take=replace(STILL, softness_px=size)) for size in (1.0, 0.0))
    assert detail(soft.truth) < 0.7 * detail(sharp.truth)
    assert (soft.raw - halved(soft.truth)).abs().max() <= 1
    assert torch.equal(soft.dials, sharp.dials)


def test_only_a_part_is_out_of_focus_in_raw_and_truth():
    sharp, defocused = (filmed(take=replace(STILL, defocus_px=size)) for size in (0.0, 2.0))
    for before, after in ((sharp.truth, defocused.truth), (sharp.raw, defocused.raw)):
        eighth = before.shape[-1] // 8
        assert torch.equal(before[..., :eighth], after[..., :eighth])
        assert detail(after[..., -eighth:]) < 0.5 * detail(before[..., -eighth:])
    assert torch.equal(sharp.dials, defocused.dials)


def test_a_lens_softens_the_raw_frame_alone_the_more_the_wider():
    clips = [filmed(camera_with(lens_px=width)) for width in (0.15, 0.7, 1.5)]
    assert all(torch.equal(clip.truth, clips[0].truth) for clip in clips)
    steps = [detail(clip.raw) for clip in clips]
    assert steps[0] > 1.2 * steps[1] > 1.2 * 1.2 * steps[2]


def test_the_lens_corners_are_dark_in_the_truth_too():
    plain, dark = filmed(of=flat(0.6)), filmed(camera_with(vignette=0.3), of=flat(0.6))
    for before, after in zip(plain[:2], dark[:2], strict=True):
        ratio = (after.float() / before).mean(dim=(0, 1)) ** 2.2
        middle = len(ratio) // 2
        assert float(ratio[0, 0]) == pytest.approx(0.7, abs=0.03)
        assert float(ratio[middle, middle]) == pytest.approx(1, abs=0.02)
    assert (dark.raw - halved(dark.truth)).abs().max() <= 1


def test_exposure_and_white_balance_are_in_the_truth():
    known = {"exposure": 0.8, "red": 1.1, "blue": 0.9}
    plain, changed = filmed(of=flat(0.6)), filmed(camera_with(**known), of=flat(0.6))
    for before, after in zip(plain[:2], changed[:2], strict=True):
        ratio = (after.float() / before).mean(dim=(0, 2, 3)) ** 2.2
        np.testing.assert_allclose(ratio, [0.8 * 1.1, 0.8, 0.8 * 0.9], atol=0.02)


def test_exposure_and_white_balance_drift_from_frame_to_frame_in_raw_and_truth_alike():
    clip = filmed(camera_with(drift=0.05), of=flat(0.6))
    for frames in clip[:2]:
        first, second = frames.float().mean(dim=(2, 3))
        assert 1 < (second - first).abs().mean() < 8
        assert (second - first).std() > 0.5  # each colour by itself
    assert (clip.raw - halved(clip.truth)).abs().max() <= 1


def test_lamps_that_flicker_make_bands_that_travel_in_raw_and_truth_alike():
    clip = filmed(camera_with(bands=0.04), of=flat(0.6))
    for frames in clip[:2]:
        rows = frames.float().mean(dim=(1, 3))
        assert 2 < rows[0].max() - rows[0].min() < 8
        assert (rows[0] - rows[1]).abs().max() > 2
        assert len(frames[0, 0, 0].unique()) == 1  # the same along a row
    assert (clip.raw - halved(clip.truth)).abs().max() <= 1


def test_a_camera_moves_by_its_speed_from_frame_to_frame():
    clip = filmed(take=MOVING, px=64)
    first, second = (green_light(frame, HARMLESS) for frame in clip.truth)
    np.testing.assert_allclose(shift_between(second, first), (-4, 2), atol=0.1)  # twice the pixels of the file


def test_an_open_shutter_blurs_the_raw_frame_along_the_motion_alone():
    short, long = (filmed(camera_with(shutter=share), replace(STILL, speed=(3.0, 0.0)), px=64) for share in (0.1, 0.9))
    assert torch.equal(short.truth, long.truth)
    across = [grey(clip.raw).diff(dim=1).abs().mean() for clip in (short, long)]
    along = [grey(clip.raw).diff(dim=2).abs().mean() for clip in (short, long)]
    assert along[1] < 0.8 * along[0]
    assert across[1] > 0.85 * across[0]
    assert long.dials[0] > short.dials[0]


def test_what_crosses_hides_a_still_background_and_leaves_the_rest_alone():
    plain, crossed = filmed(), filmed(take=CROSSED)
    far = torch.linspace(-24, 24, 96)
    for index, clip in enumerate(crossed.truth):
        middle = [-speed * (index - 0.5) for speed in CROSSED.mover_speed]
        distance = ((far[None] - middle[0]) ** 2 + (far[:, None] - middle[1]) ** 2).sqrt()
        outside, inside = distance > CROSSED.mover_px + 1, distance < CROSSED.mover_px - 1
        assert torch.equal(clip[:, outside], plain.truth[index][:, outside])
        assert (clip[:, inside] != plain.truth[index][:, inside]).float().mean() > 0.9
    assert not torch.equal(crossed.truth[0], crossed.truth[1])
    assert torch.equal(plain.truth[0], plain.truth[1])


def test_what_crosses_is_blurred_by_its_own_motion():
    short, long = (filmed(camera_with(shutter=share), CROSSED) for share in (0.1, 0.9))
    changed = (short.raw != long.raw).any(dim=1)
    assert changed.any()
    assert not changed[..., :5].any()  # the background stands still
