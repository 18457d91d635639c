"""What the restorer learns from: pairs that fit one another, drawn alike for the same seed."""

import pytest
import torch
import torch.nn.functional as F

from training.pool import Pool
from training.restoration import (
    Shots,
    bicubic,
    crop_pair,
    crop_scenes,
    detail,
    frame_psnr,
    restoration_loss,
    seeded,
    shoot,
    to_uint8,
    turn,
)

STILL = Shots(zoom=(2.2, 2.3), tilt_rad=0.1, speed_px_per_s=(0, 0), still_share=1, quiet_share=1)
MOVING = Shots(zoom=(2.2, 2.8), tilt_rad=0.1, speed_px_per_s=(50, 200), still_share=0.2, quiet_share=0.2)


def smooth_photo(seed: int = 0, px: int = 120) -> torch.Tensor:
    noise = 0.3 + 0.3 * torch.rand(1, 3, 24, 24, generator=seeded(seed, 0, 0))
    return to_uint8(F.interpolate(noise, (px, px), mode="bicubic", align_corners=False))[0]


def small_pool(most_chunks: int = 2) -> Pool:
    return Pool(
        photos=[smooth_photo(0), smooth_photo(1)],
        shots=MOVING,
        seed=3,
        frame_px=16,
        scene_px=80,
        chunk_frames=2,
        most_chunks=most_chunks,
        device=torch.device("cpu"),
    )


def test_raw_and_truth_show_the_same_thing_at_the_same_place():
    raw, truth = shoot(smooth_photo()[None], shots=STILL, frame_px=32, generator=seeded(1, 0, 0))
    assert raw.shape == (1, 3, 32, 32)
    assert truth.shape == (1, 3, 64, 64)
    assert raw.dtype == truth.dtype == torch.uint8
    doubled, true = bicubic(raw.float() / 255), truth.float() / 255
    aligned = frame_psnr(doubled[..., 4:-4, 4:-4], true[..., 4:-4, 4:-4])
    shifted = [
        frame_psnr(doubled[..., 4:-4, 4:-4], true.roll((down, right), dims=(2, 3))[..., 4:-4, 4:-4])
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1))
    ]
    assert aligned > 25
    assert aligned > max(shifted)


def test_a_pair_is_cut_and_turned_together():
    truth = torch.rand(3, 40, 40)
    raw = F.avg_pool2d(truth, 2)
    for index in range(10):
        small, large = crop_pair(raw, truth, crop_px=8, generator=seeded(0, 0, index))
        torch.testing.assert_close(F.avg_pool2d(large, 2), small)


def test_the_eight_turns_differ_from_one_another():
    picture = torch.arange(9.0).reshape(1, 3, 3)
    assert len({tuple(turn(picture, way).flatten().tolist()) for way in range(8)}) == 8


def test_scenes_are_cut_from_the_photographs():
    photo = smooth_photo()
    scenes = crop_scenes([photo], 3, scene_px=50, generator=seeded(0, 0, 0))
    assert scenes.shape == (3, 3, 50, 50)
    whole = crop_scenes([photo], 1, scene_px=120, generator=seeded(0, 0, 0))
    assert torch.equal(whole[0], photo)


def test_the_loss_of_the_truth_is_next_to_nothing_and_grows_with_the_error():
    truth = torch.rand(2, 3, 8, 8)
    found = [float(restoration_loss(truth + error, truth)) for error in (0, 0.01, 0.1)]
    assert found == pytest.approx([0.001, 0.01, 0.1], rel=0.01)
    uneven = truth + torch.tensor((0.0, 0.2))[:, None, None, None]
    assert float(restoration_loss(uneven, truth)) == pytest.approx(0.1, rel=0.01)


def test_a_busy_crop_has_more_detail_than_a_flat_one():
    flat, busy = torch.full((3, 8, 8), 90, dtype=torch.uint8), torch.zeros(3, 8, 8, dtype=torch.uint8)
    busy[..., ::2] = 200
    assert detail(flat) == 0
    assert detail(busy) == pytest.approx(200)
    pool = small_pool()
    pool.reach(1)
    found = []
    for candidates in (1, 6):
        _, truth = pool.batch(0, size=6, crop_px=8, candidates=candidates)
        found.append(sum(detail(picture * 255) for picture in truth))
    assert found[1] > found[0]


def test_psnr_is_that_of_pictures_of_8_bits():
    truth = torch.full((2, 3, 4, 4), 100 / 255)
    assert frame_psnr(truth + 1 / 255, truth).tolist() == pytest.approx([48.1308, 48.1308], abs=1e-3)
    assert frame_psnr(truth + 0.3 / 255, truth).min() > 100


def test_a_pool_that_was_rebuilt_holds_and_gives_the_same():
    walked, jumped = small_pool(), small_pool()
    for newest in range(4):
        walked.reach(newest)
    jumped.reach(3)
    assert list(walked.chunks) == list(jumped.chunks) == [2, 3]
    for first, second in zip(
        walked.batch(5, size=3, crop_px=8, candidates=2), jumped.batch(5, size=3, crop_px=8, candidates=2), strict=True
    ):
        assert torch.equal(first, second)
    assert not torch.equal(
        walked.batch(5, size=3, crop_px=8, candidates=2)[0], walked.batch(6, size=3, crop_px=8, candidates=2)[0]
    )


def test_a_pool_starts_small():
    pool = small_pool(most_chunks=4)
    pool.reach(0)
    assert list(pool.chunks) == [0]
    raw, truth = pool.batch(0, size=2, crop_px=16, candidates=1)
    assert raw.shape == (2, 3, 16, 16)
    assert truth.shape == (2, 3, 32, 32)
    assert 0 <= raw.min() <= raw.max() <= 1
