"""Pairs of a student's input and the teacher's picture: aligned random crops to learn from, whole frames to judge."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset, IterableDataset

Pair = tuple[Tensor, Tensor]  # input (N, 3, h, w) and target (N, 3, sh, sw), float 0..1


@dataclass(frozen=True)
class Clip:
    """The frames of one clip, decoded; both may be memory-mapped."""

    inputs: Tensor  # (F, h, w, 3) uint8
    targets: Tensor  # (F, s*h, s*w, 3) uint8


def to_picture(frames: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float 0..1."""
    return frames.permute(0, 3, 1, 2).float() / 255


class WholeFrames(Dataset[Pair]):
    """Every frame of the clips, one at a time."""

    def __init__(self, clips: list[Clip]) -> None:
        self.clips = clips
        self.places = [(index, frame) for index, clip in enumerate(clips) for frame in range(len(clip.inputs))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Pair:
        clip, frame = self.places[index]
        chosen = self.clips[clip]
        return to_picture(chosen.inputs[frame][None])[0], to_picture(chosen.targets[frame][None])[0]


@dataclass(frozen=True)
class Crops:
    """How an epoch is cut from the clips."""

    per_epoch: int
    batch_size: int
    side_px: int  # at the student's input size
    scale: int


class RandomCrops(IterableDataset[Pair]):
    """Batches of aligned crops, flipped and turned at random; a function of seed, epoch and rank alone.

    That is what makes a resumed training go on exactly where it was cut off.
    """

    def __init__(self, clips: list[Clip], crops: Crops, *, seed: int, epoch: int, rank: int, ranks: int) -> None:
        self.clips, self.crops, self.ranks = clips, crops, ranks
        self.seed = (seed * 10_007 + epoch) * 1_009 + rank

    def __len__(self) -> int:
        return max(1, self.crops.per_epoch // (self.crops.batch_size * self.ranks))

    def __iter__(self) -> Iterator[Pair]:
        generator = Generator().manual_seed(self.seed)
        for _ in range(len(self)):
            pairs = [self._crop(generator) for _ in range(self.crops.batch_size)]
            yield to_picture(torch.stack([pair[0] for pair in pairs])), to_picture(torch.stack([p[1] for p in pairs]))

    def _crop(self, generator: Generator) -> Pair:
        """One input (side, side, 3) and its target, uint8, turned the same way."""
        clip, frame = self._place(_below(sum(len(clip.inputs) for clip in self.clips), generator))
        height, width = clip.inputs.shape[1:3]
        side, scale = min(self.crops.side_px, height, width), self.crops.scale
        y, x = _below(height - side + 1, generator), _below(width - side + 1, generator)
        small = clip.inputs[frame, y : y + side, x : x + side]
        large = clip.targets[frame, scale * y : scale * (y + side), scale * x : scale * (x + side)]
        turn = _below(8, generator)
        return turned(small, turn), turned(large, turn)

    def _place(self, index: int) -> tuple[Clip, int]:
        for clip in self.clips:
            if index < len(clip.inputs):
                return clip, index
            index -= len(clip.inputs)
        raise IndexError(index)


def _below(limit: int, generator: Generator) -> int:
    return int(torch.randint(limit, (1,), generator=generator))


def turned(picture: Tensor, turn: int) -> Tensor:
    """One of the eight ways (0..7) to flip and turn a square picture (H, W, C)."""
    if turn & 1:
        picture = picture.flip(0)
    if turn & 2:
        picture = picture.flip(1)
    return picture.transpose(0, 1) if turn & 4 else picture
