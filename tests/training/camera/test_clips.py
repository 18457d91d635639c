"""Clips of simulated cameras: every effect is there, acts where it should, and shifts nothing."""

import hashlib
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from aligned import QUARTER
from making import ROOT
from simulated import (
    HARMLESS,
    STILL,
    camera_with,
    detail,
    drawn_from,
    filmed,
    flat,
    grey,
    halved,
    other,
    scene,
    seed,
    shifts,
)

from training.camera.cameras import CAMERAS
from training.camera.clips import dials, record
from training.camera.codecs import Codec
from training.camera.drawn import LONG, SHORT, draw_camera

# Noise and codecs hide where a picture lies; a mean through time lags behind what moves, as it does in real cameras.
MILD = {
    "temporal": 0.0,
    "jpeg_quality": (85.0, 98.0),
    "h264_crf": (18.0, 23.0),
    "full_well": (3000.0, 6000.0),
    "read_noise": (0.0005, 0.002),
}


def named(name, number):
    """A camera of CAMERAS, its take, and a clip."""
    drawn, take = drawn_from(CAMERAS[name], number)
    clip = record(scene(400), other(400), take, drawn, px=128, generator=seed(number))
    return drawn, take, clip


def digest(name, number=1):
    """A hash of a clip."""
    *_, clip = named(name, number)
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in clip)).hexdigest()


# What every named camera promises


@pytest.mark.parametrize("moving", [0.0, 1.0], ids=["still", "moving"])
@pytest.mark.parametrize("name", CAMERAS)
def test_raw_and_truth_are_aligned_to_a_quarter_of_a_pixel(name, moving):
    """Measured on a scene and on the scene upside down: what edges do to the measure, gamma and sharpening, cancels."""
    drawn, take = drawn_from(replace(CAMERAS[name], moving=moving, **MILD), 1)
    take = replace(take, softness_px=0.0)
    pictures = [(scene(), other()), (scene().flip(1, 2), other().flip(1, 2))]
    found = [shifts(record(*pair, take, drawn, px=64, generator=seed()), drawn).mean(axis=0) for pair in pictures]
    assert np.abs(np.mean(found, axis=0)).max() < QUARTER


@pytest.mark.parametrize("shift", [(0.5, 0), (0, -0.5)], ids=str)
def test_a_misalignment_would_be_found(shift):
    clip = filmed(px=64)
    off = filmed(take=replace(STILL, shift=shift), px=64)  # scene pixels are those of the truth
    found = shifts(off._replace(truth=clip.truth), HARMLESS)[0]
    np.testing.assert_allclose(found, np.negative(shift), atol=0.1)
    assert np.abs(found).max() > QUARTER


@pytest.mark.parametrize("name", CAMERAS)
def test_a_clip_is_raw_frames_their_truth_at_twice_the_size_and_dials(name):
    drawn, take = drawn_from(CAMERAS[name], 1)
    raw, truth, found = record(scene(), other(), take, drawn, px=32, generator=seed())
    assert raw.shape == (drawn.frames, 3, 32, 32)
    assert truth.shape == (drawn.frames, 3, 64, 64)
    assert raw.dtype == truth.dtype == torch.uint8
    assert found.shape == (4,)
    assert 0 <= found.min() <= found.max() <= 1


def test_the_same_seed_gives_the_same_bytes_in_another_process_too():
    code = (
        "import sys; sys.path[:0] = ['tests/support', 'tests/training/camera']\n"
        "from training.camera.cameras import CAMERAS\n"
        "from test_clips import digest\n"
        "print(*map(digest, CAMERAS))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert answer.stdout.split() == [digest(name) for name in CAMERAS]


def test_another_seed_is_another_camera_and_another_clip():
    assert len({digest("webcam_mjpeg", number) for number in range(3)}) == 3
    assert len({draw_camera(CAMERAS["messenger"], seed(number)) for number in range(20)}) == 20


@pytest.mark.parametrize("linear", [0.0, 1.0], ids=["halved in gamma", "halved in linear light"])
@pytest.mark.parametrize("name", ["clean_file", "clean_film", "file_from_a_camera"])
def test_the_truth_of_a_file_made_smaller_is_the_photograph_itself(name, linear):
    camera = replace(CAMERAS[name], linear=linear, soft_scene=0.0, defocus=0.0, moving=0.0, mover=0.0)
    for number in range(3):
        drawn, take = drawn_from(camera, number)
        _, truth, _ = record(scene(), other(), take, drawn, px=64, generator=seed(number))
        assert torch.equal(truth, scene()[None, :, 64:192, 64:192].expand_as(truth))


def test_a_camera_without_harm_gives_the_mean_of_the_light():
    raw, truth, found = filmed()
    assert (raw - halved(truth)).abs().max() <= 0.51
    assert found.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("resampling", ["area", "bicubic", "bilinear"])
def test_a_picture_in_gamma_is_made_smaller_as_files_are(resampling):
    raw, truth, found = filmed(camera_with(linear=False, resampling=resampling))
    assert torch.equal(truth[0], scene()[:, 80:176, 80:176])
    assert (raw.float() - F.avg_pool2d(truth.float(), 2)).abs().mean() < 3
    assert (raw.float() - halved(truth)).abs().mean() > 0.1
    assert found.tolist() == [0, 0, 0, 0]


# Sensor


@pytest.mark.parametrize("level", [0.3, 0.7])
def test_shot_noise_grows_with_the_light(level):
    clip = filmed(camera_with(full_well=500.0), of=flat(level), px=64)
    light = (clip.raw[:, 1].float() / 255) ** 2.2
    assert float(light.std()) == pytest.approx(math.sqrt(level**2.2 / 500), rel=0.06)


def test_read_noise_is_the_same_at_any_light_and_new_in_every_frame():
    spread = []
    for level in (0.5, 0.8):
        light = (filmed(camera_with(read_noise=0.02), of=flat(level), px=64).raw[:, 1].float() / 255) ** 2.2
        spread.append(float((light[1] - light[0]).std()) / math.sqrt(2))
    assert spread == pytest.approx([0.02, 0.02], rel=0.06)


def test_a_fixed_pattern_stays_from_frame_to_frame_and_rows_have_noise_of_their_own():
    """Pattern and rows are relative to the read noise, which is next to nothing here."""
    raw = filmed(camera_with(read_noise=0.0005, pattern_noise=40.0), of=flat(0.6), px=64).raw[:, 1].float()
    changed = raw[1] - raw[0]
    rows = changed.mean(dim=1)
    assert float((changed - rows[:, None]).std()) < 0.35 * float(rows.std())
    assert rows.std() > 2
    within = raw - raw.mean(dim=2, keepdim=True)
    assert np.corrcoef(within[0].flatten(), within[1].flatten())[0, 1] > 0.9


def test_hot_pixels_are_few_bright_and_always_the_same():
    raw = filmed(camera_with(hot_pixels=True), of=flat(0.4, px=300), px=128).raw
    hot = raw > 200
    assert torch.equal(hot[0], hot[1])
    assert 0 < int(hot[0].sum()) < 0.002 * hot[0].numel()
    assert len(raw[~hot].unique()) == 1


def test_a_mosaic_gives_edges_false_colours_and_leaves_walls_alone():
    plain, mosaic = (filmed(camera_with(mosaic=known), of=as_grey(scene())) for known in (False, True))
    assert (plain.raw[:, 0] == plain.raw[:, 1]).all()
    assert (mosaic.raw[:, 0].float() - mosaic.raw[:, 1]).abs().mean() > 1
    assert torch.equal(*(filmed(camera_with(mosaic=known), of=flat(0.5)).raw for known in (False, True)))


def as_grey(picture):
    return grey(picture[None]).round().to(torch.uint8).expand(3, -1, -1)


# Inside the camera


@pytest.mark.parametrize("coloured", [True, False])
def test_noise_of_a_finished_picture_is_even_and_grey_or_in_colours(coloured):
    raw = filmed(camera_with(gamma_noise_levels=6.0, grey_noise=not coloured), of=flat(0.5), px=64).raw.float()
    assert float(raw.std()) == pytest.approx(6, rel=0.05)
    assert bool((raw[:, 0] == raw[:, 1]).all()) is not coloured


def test_noise_that_was_there_before_the_sharpening_is_sharpened_with_it():
    known = {"gamma_noise_levels": 4.0, "sharpen_amount": 1.0, "grey_noise": True}
    after, before = (
        filmed(camera_with(noise_is_sharpened=first, **known), of=flat(0.5), px=64).raw.float().std()
        for first in (False, True)
    )
    assert before > 1.5 * after


def test_noise_reduction_calms_a_wall():
    noisy, calm = (
        filmed(camera_with(full_well=500.0, denoise_levels=size), of=flat(0.5), px=64) for size in (0.0, 20.0)
    )
    assert calm.raw.float().std() < 0.6 * noisy.raw.float().std()
    assert calm.dials[1] < noisy.dials[1]


def test_noise_reduction_through_time_calms_a_still_scene():
    noisy, calm = (filmed(camera_with(full_well=1000.0, temporal_share=share)) for share in (0.0, 0.6))
    errors = [(grey(clip.raw) - grey(halved(clip.truth)))[-1].std() for clip in (noisy, calm)]
    assert errors[1] < 0.8 * errors[0]
    assert calm.dials[1] < noisy.dials[1]


def test_sharpening_gives_halos_to_the_raw_frame_alone():
    plain, sharpened = (filmed(camera_with(sharpen_amount=amount)) for amount in (0.0, 1.2))
    assert torch.equal(plain.truth, sharpened.truth)
    before, after = (grey(clip.raw)[:, None] for clip in (plain, sharpened))
    over = (after - F.max_pool2d(before, 5, stride=1, padding=2)).clamp_min(0)
    under = (-F.max_pool2d(-before, 5, stride=1, padding=2) - after).clamp_min(0)
    assert float((over + under).mean()) > 2
    assert sharpened.dials[2] > 0.5 > plain.dials[2]


@pytest.mark.parametrize("level", [0.25, 0.5, 0.8])
def test_contrast_is_in_the_truth(level):
    raw, truth, _ = filmed(camera_with(contrast=0.4), of=flat(level))
    expected = 255 * (level + 0.4 * (level * level * (3 - 2 * level) - level))
    for frames in (raw, truth):
        assert (frames - expected).abs().max() <= 1


def test_a_smaller_sensor_gives_a_softer_picture_of_the_same_size():
    clips = [filmed(camera_with(sensor_scale=scale)) for scale in (0.65, 1.0, 1.6)]
    assert {clip.raw.shape for clip in clips} == {(2, 3, 48, 48)}
    assert all(torch.equal(clip.truth, clips[0].truth) for clip in clips)
    assert detail(clips[0].raw) < 0.85 * detail(clips[1].raw)
    assert clips[0].dials[0] > clips[1].dials[0] == clips[2].dials[0]


def test_a_larger_sensor_has_less_noise():
    noise = [
        filmed(camera_with(full_well=500.0, sensor_scale=scale), of=flat(0.5)).raw.float().std() for scale in (1.0, 1.6)
    ]
    assert noise[1] < 0.85 * noise[0]


# File


def test_every_generation_of_the_file_is_applied_in_turn():
    once, twice = (camera_with(codecs=(Codec("jpeg", 60), *more)) for more in ((), (Codec("jpeg", 50),)))
    plain = filmed()
    errors = [(filmed(drawn).raw.float() - plain.raw).square().mean() for drawn in (once, twice)]
    assert errors[1] > 1.2 * errors[0]
    assert filmed(twice).dials[3] > filmed(once).dials[3]


def test_clips_are_long_where_frames_depend_on_those_before():
    assert HARMLESS.frames == camera_with(codecs=(Codec("jpeg", 80),)).frames == SHORT
    assert camera_with(temporal_share=0.3).frames == LONG
    assert camera_with(codecs=(Codec("jpeg", 80), Codec("h264", 25))).frames == LONG


# Dials


@pytest.mark.parametrize(
    ("dial", "changes"),
    [
        (0, [{"lens_px": width} for width in (0.0, 0.3, 0.8, 1.4)]),
        (0, [{"sensor_scale": scale} for scale in (1.0, 0.9, 0.7)]),
        (2, [{"sharpen_amount": amount} for amount in (0.0, 0.2, 0.7, 1.4)]),
        (2, [{"sharpen_amount": 0.7, "sharpen_px": radius} for radius in (0.6, 1.0, 2.0)]),
        (3, [{"codecs": (Codec("jpeg", quality),)} for quality in (98, 90, 75, 50)]),
        (3, [{"codecs": (Codec("h264", crf),)} for crf in (18, 24, 30, 34)]),
    ],
)
def test_a_dial_grows_with_what_it_names_and_no_other_does(dial, changes):
    found = torch.stack([dials(STILL, camera_with(**change), noise_levels=2.0) for change in changes])
    assert (found[:, dial].diff() > 0).all()
    others = torch.arange(4) != dial
    assert torch.equal(found[:, others], found[:1, others].expand(len(found), -1))


def test_the_dial_of_noise_grows_with_the_noise_that_is_left():
    wells = (math.inf, 20000.0, 3000.0, 500.0)
    found = [float(filmed(camera_with(full_well=well)).dials[1]) for well in wells]
    assert found == sorted(set(found))
    assert found[0] == 0
    levels = [float(dials(STILL, HARMLESS, noise_levels=size)[1]) for size in (0.0, 1.0, 4.0, 16.0, 99.0)]
    assert levels == [0, 0.25, 0.5, 1, 1]


def test_dials_stop_at_one():
    worst = camera_with(lens_px=9.0, sharpen_amount=9.0, codecs=(Codec("h264", 35), Codec("jpeg", 30)))
    assert dials(STILL, worst, noise_levels=99.0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("linear", [0.0, 1.0])
def test_a_clean_file_that_was_never_compressed_has_every_dial_at_zero(linear):
    drawn, take = drawn_from(replace(CAMERAS["clean_file"], uncompressed=1.0, linear=linear), 1)
    clip = record(scene(), other(), take, drawn, px=32, generator=seed())
    assert clip.dials.tolist() == [0, 0, 0, 0]
