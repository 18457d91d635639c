"""Crops are aligned with their targets, and a function of seed, epoch and rank alone."""

from itertools import islice

import numpy as np
import pytest
import torch
from making import photo

from training.pairs import Clip, Crops, RandomCrops, WholeFrames, to_picture, turned

CROPS = Crops(per_epoch=64, batch_size=8, side_px=10, scale=2)


def make(frames, *, seed, height=24, width=30):
    """A clip whose target is the input with every pixel doubled: a crop is aligned if its target is that too."""
    inputs = np.stack([photo(height, width, seed=seed + index) for index in range(frames)])
    targets = inputs.repeat(2, axis=1).repeat(2, axis=2)
    return Clip(torch.from_numpy(inputs), torch.from_numpy(targets))


CLIPS = [make(2, seed=0), make(5, seed=10, height=40, width=26)]


def crops(*, seed=1, epoch=0, rank=0, ranks=1, clips=CLIPS, settings=CROPS):
    return list(RandomCrops(clips, settings, seed=seed, epoch=epoch, rank=rank, ranks=ranks))


def same(a, b):
    return all(torch.equal(x, y) for pair, other in zip(a, b, strict=True) for x, y in zip(pair, other, strict=True))


def test_every_crop_is_aligned_with_its_target():
    batches = crops()
    assert len(batches) == 8
    for small, large in batches:
        assert small.shape == (8, 3, 10, 10)
        assert large.shape == (8, 3, 20, 20)
        assert torch.equal(small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), large)


def test_every_crop_is_somewhere_in_the_clips():
    windows = {
        turned(clip.inputs[frame, y : y + 10, x : x + 10], turn).contiguous().numpy().tobytes()
        for clip in CLIPS
        for frame in range(len(clip.inputs))
        for y in range(clip.inputs.shape[1] - 9)
        for x in range(clip.inputs.shape[2] - 9)
        for turn in range(8)
    }
    for small, _ in crops():
        for crop in (small * 255).round().byte().permute(0, 2, 3, 1).contiguous():
            assert crop.numpy().tobytes() in windows


def test_the_same_seed_epoch_and_rank_give_the_same_crops_and_others_others():
    once = crops()
    assert same(once, crops())
    for other in (crops(seed=2), crops(epoch=1), crops(rank=1)):
        assert not same(once[:1], other[:1])


def test_ranks_share_the_epoch():
    assert len(crops(ranks=2)) == 4


def test_frames_are_drawn_evenly_whatever_clip_they_are_in():
    settings = Crops(per_epoch=2800, batch_size=100, side_px=8, scale=2)
    brightness = [Clip(torch.full_like(c.inputs, 0), torch.full_like(c.targets, 0)) for c in CLIPS]
    number = 0
    for clip in brightness:
        for frame in range(len(clip.inputs)):
            clip.inputs[frame] = number
            number += 1
    drawn = torch.cat([small[:, 0, 0, 0] for small, _ in crops(clips=brightness, settings=settings)])
    counts = torch.bincount((drawn * 255).round().int(), minlength=7)
    assert counts.min() > 330
    assert counts.max() < 470


def test_a_frame_smaller_than_the_crop_is_taken_whole():
    small, large = crops(clips=[make(1, seed=0, height=8, width=8)])[0]
    assert small.shape[-2:] == (8, 8)
    assert large.shape[-2:] == (16, 16)


def test_the_eight_turns_are_eight_and_keep_every_pixel():
    square = torch.arange(16).reshape(4, 4, 1)
    pictures = [turned(square, turn) for turn in range(8)]
    assert len({tuple(picture.flatten().tolist()) for picture in pictures}) == 8
    assert all(sorted(picture.flatten().tolist()) == list(range(16)) for picture in pictures)


def test_whole_frames_are_every_frame_in_order():
    frames = WholeFrames(CLIPS)
    assert len(frames) == 7
    for (small, large), clip, index in islice(
        zip(frames, [CLIPS[0]] * 2 + [CLIPS[1]] * 5, [0, 1, 0, 1, 2, 3, 4], strict=False), 7
    ):
        assert torch.equal(small, to_picture(clip.inputs[index][None])[0])
        assert torch.equal(large, to_picture(clip.targets[index][None])[0])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_pictures_are_floats_from_0_to_1(level):
    picture = to_picture(torch.full((1, 2, 3, 3), level, dtype=torch.uint8))
    assert picture.shape == (1, 3, 2, 3)
    assert float(picture.unique()) == pytest.approx(level / 255)
