"""Crops are aligned with their targets, and a function of seed, epoch and rank alone."""

import numpy as np
import pytest
import torch
from making import photo

from training.pairs import (
    Crops,
    Frames,
    Pairs,
    RandomCrops,
    WholeFrames,
    cut,
    loader,
    to_device_if_it_fits,
    to_picture,
)

CROPS = Crops(per_epoch=64, batch_size=8, side_px=10, scale=2)
CPU = torch.device("cpu")


def doubled(pictures):
    return pictures.repeat_interleave(2, dim=-3).repeat_interleave(2, dim=-2)


def make(frames, *, seed=0, height=24, width=30):
    """Targets are inputs with every pixel doubled: a crop is aligned if its target is that too.

    Only the odd slots are meant.
    """
    inputs = torch.from_numpy(np.stack([photo(height, width, seed=seed + index) for index in range(2 * frames)]))
    slots = torch.arange(1, 2 * frames, 2)
    return Pairs(Frames(inputs, slots), Frames(doubled(inputs), slots))


PAIRS = make(7)


def dataset(*, seed=1, epoch=0, rank=0, ranks=1, pairs=PAIRS, settings=CROPS):
    return RandomCrops(pairs, settings, seed=seed, epoch=epoch, rank=rank, ranks=ranks)


def crops(**changes):
    return list(dataset(**changes))


def turned(picture, turn):
    """One of the eight ways (0..7) to flip and turn a square picture (H, W, C)."""
    if turn & 1:
        picture = picture.flip(0)
    if turn & 2:
        picture = picture.flip(1)
    return picture.transpose(0, 1) if turn & 4 else picture


def same(a, b):
    return all(torch.equal(x, y) for pair, other in zip(a, b, strict=True) for x, y in zip(pair, other, strict=True))


def test_every_crop_is_aligned_with_its_target():
    batches = crops()
    assert len(batches) == 8
    for small, large in batches:
        assert small.shape == (8, 10, 10, 3)
        assert large.shape == (8, 20, 20, 3)
        assert torch.equal(doubled(small), large)


def test_every_crop_is_somewhere_in_the_frames_that_are_meant():
    windows = {
        turned(PAIRS.inputs.frame(index)[0, y : y + 10, x : x + 10], turn).contiguous().numpy().tobytes()
        for index in range(7)
        for y in range(24 - 9)
        for x in range(30 - 9)
        for turn in range(8)
    }
    for small, _ in crops():
        assert all(crop.contiguous().numpy().tobytes() in windows for crop in small)


@pytest.mark.parametrize("turn", range(8))
def test_a_square_is_cut_and_turned_as_by_hand(turn):
    store = PAIRS.inputs.store
    slots, y, x = torch.tensor([3, 0]), torch.tensor([14, 5]), torch.tensor([20, 0])
    squares = cut(store, slots, y, x, torch.tensor([turn, 7 - turn]), side=10)
    assert torch.equal(squares[0], turned(store[3, 14:24, 20:30], turn))
    assert torch.equal(squares[1], turned(store[0, 5:15, 0:10], 7 - turn))


def test_the_same_seed_epoch_and_rank_give_the_same_crops_and_others_others():
    once = crops()
    assert same(once, crops())
    for other in (crops(seed=2), crops(epoch=1), crops(rank=1)):
        assert not same(once[:1], other[:1])


def test_ranks_share_the_epoch():
    assert len(crops(ranks=2)) == 4


def test_frames_are_drawn_evenly():
    settings = Crops(per_epoch=2800, batch_size=100, side_px=8, scale=2)
    numbered = torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1).repeat(1, 8, 8, 3)
    frames = Frames(numbered, torch.arange(7))
    pairs = Pairs(frames, Frames(doubled(numbered), frames.slots))
    counts = torch.bincount(torch.cat([small[:, 0, 0, 0] for small, _ in crops(pairs=pairs, settings=settings)]))
    assert counts.min() > 330
    assert counts.max() < 470


def test_a_frame_smaller_than_the_crop_is_taken_whole():
    small, large = crops(pairs=make(1, height=8, width=8))[0]
    assert small.shape == (8, 8, 8, 3)
    assert large.shape == (8, 16, 16, 3)


def test_crops_are_the_same_wherever_the_frames_lie():
    settings = Crops(per_epoch=64, batch_size=8, side_px=10, scale=2)
    moved = PAIRS.to(CPU)
    assert len(moved.inputs.store) == 7
    assert len(moved.targets.store) == 7
    assert moved.bytes == PAIRS.bytes == 7 * (24 * 30 + 48 * 60) * 3
    assert same(crops(settings=settings), crops(pairs=moved, settings=settings))


def test_without_a_gpu_frames_stay_in_their_memory_map():
    assert to_device_if_it_fits(PAIRS, CPU) is PAIRS


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_with_room_crops_are_cut_there_and_are_the_same():
    there = to_device_if_it_fits(PAIRS, torch.device("cuda:0"))
    assert there.inputs.store.is_cuda
    batches = [(small.cpu(), large.cpu()) for small, large in loader(dataset(pairs=there), torch.device("cuda:0"))]
    assert same(batches, crops())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_batches_that_travel_to_their_device_come_in_the_same_order():
    feed = loader(dataset(), torch.device("meta"))
    assert feed.num_workers > 0
    assert same(list(feed), crops())


def test_whole_frames_are_every_frame_in_order():
    frames = WholeFrames(PAIRS)
    assert len(frames) == 7
    for index, (small, large) in enumerate(loader(frames, CPU)):
        assert torch.equal(small[0], PAIRS.inputs.store[2 * index + 1])
        assert torch.equal(large, doubled(small))


def test_ranks_judge_each_frame_once_or_all_judge_all():
    assert [list(WholeFrames(PAIRS, rank=rank, ranks=3).numbers) for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert all(len(WholeFrames(PAIRS, rank=rank, ranks=8)) == 7 for rank in range(8))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_pictures_are_floats_from_0_to_1(level):
    picture = to_picture(torch.full((1, 2, 3, 3), level, dtype=torch.uint8))
    assert picture.shape == (1, 3, 2, 3)
    assert float(picture.unique()) == pytest.approx(level / 255)


def test_dials_go_with_the_frames_that_they_belong_to():
    numbered = torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1).expand(7, 24, 30, 3).contiguous()
    frames, dials = Frames(numbered, torch.tensor([5, 2, 6])), torch.tensor([[0.5], [0.2], [0.6]]).expand(3, 4)
    pairs = Pairs(frames, Frames(doubled(numbered), frames.slots), dials)
    for held in (pairs, pairs.to(CPU)):
        for small, _, told in dataset(pairs=held):
            torch.testing.assert_close(told, (small[:, 0, 0, :1] / 10).expand(8, 4))
        assert [float(told[0, 0]) for _, _, told in loader(WholeFrames(held), CPU)] == pytest.approx([0.5, 0.2, 0.6])


def test_crops_of_pairs_with_dials_are_those_of_pairs_without():
    with_dials = Pairs(PAIRS.inputs, PAIRS.targets, torch.zeros(7, 4))
    assert same([batch[:2] for batch in dataset(pairs=with_dials)], crops())
