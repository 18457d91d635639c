"""Pairs of a student's input and the teacher's picture: aligned random crops to learn from, whole frames to judge.

Pictures stay bytes until they are where they are computed with. Where a GPU has room for all of them, they lie there,
and crops are cut there; else they are cut by other processes, ahead of the GPU.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

Pair = tuple[Tensor, ...]  # input (N, h, w, 3) and target (N, sh, sw, 3), uint8; behind them dials (N, 4), if any
ROOM_SHARE = 0.5  # of a GPU's free memory that frames may take
PACKED_AT_ONCE = 64  # frames on their way to a GPU
CUTTERS = 2  # processes that cut crops for a GPU on which the frames have no room


@dataclass(frozen=True)
class Frames:
    """Pictures of one size in one tensor, and which of them are meant, in order."""

    AT_ONCE: ClassVar[int] = 2**31  # frames that may be held

    store: Tensor  # (S, H, W, 3) uint8
    slots: Tensor  # (F,) int64

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame."""
        return self.store.shape[1], self.store.shape[2]

    def hold(self, numbers: Tensor) -> Tensor:
        """The slots (N,) of frames of those numbers (N,), which hold them until the next call."""
        return self.slots[numbers]

    def frame(self, index: int) -> Tensor:
        """Frame `index`, (1, H, W, 3)."""
        return self.store[self.hold(torch.tensor([index]))]


@dataclass(frozen=True)
class Pairs:
    """What a student sees and what it should give, frame by frame; also the dials of the camera, if it takes some."""

    inputs: Frames
    targets: Frames
    dials: Tensor | None = None  # (F, 4) float32 in 0..1

    def to(self, device: torch.device) -> "Pairs":
        """The frames that are meant, and no others, on `device`."""
        dials = None if self.dials is None else self.dials.to(device)
        return Pairs(_packed(self.inputs, device), _packed(self.targets, device), dials)

    def dials_of(self, frames: Tensor) -> tuple[Tensor, ...]:
        """The dials (N, 4) of frames of those numbers (N,), if there are any."""
        return () if self.dials is None else (self.dials[frames],)

    @property
    def bytes(self) -> int:
        """Memory that `to` takes."""
        return sum(len(frames) * frames.store[0].numel() for frames in (self.inputs, self.targets))


def _packed(frames: Frames, device: torch.device) -> Frames:
    packed = torch.empty((len(frames), *frames.store.shape[1:]), dtype=torch.uint8, device=device)
    for numbers in torch.split(torch.arange(len(frames)), min(frames.AT_ONCE, PACKED_AT_ONCE)):
        packed[numbers[0] : numbers[-1] + 1].copy_(frames.store[frames.hold(numbers)])
    return Frames(packed, torch.arange(len(frames), device=device))


def to_device_if_it_fits(pairs: Pairs, device: torch.device) -> Pairs:
    """`pairs` on the GPU `device`, if they take no more than ROOM_SHARE of its free memory; else as they are."""
    if device.type != "cuda" or pairs.bytes > ROOM_SHARE * torch.cuda.mem_get_info(device)[0]:
        return pairs
    return pairs.to(device)


def to_picture(frames: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float 0..1."""
    return frames.permute(0, 3, 1, 2).float() / 255


class WholeFrames(Dataset[Pair]):
    """The frames of rank `rank` of `ranks`, one at a time; where there is not one for each rank, all of them."""

    def __init__(self, pairs: Pairs, *, rank: int = 0, ranks: int = 1) -> None:
        self.pairs = pairs
        count = len(pairs.inputs)
        self.numbers = range(rank, count, ranks) if count >= ranks else range(count)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Pair:
        number = self.numbers[index]
        dials = self.pairs.dials_of(torch.tensor([number]))
        return self.pairs.inputs.frame(number), self.pairs.targets.frame(number), *dials


@dataclass(frozen=True)
class Crops:
    """How an epoch is cut from the frames."""

    per_epoch: int
    batch_size: int
    side_px: int  # at the student's input size
    scale: int


class RandomCrops(Dataset[Pair]):
    """An epoch's batches of aligned crops, flipped and turned at random; a function of seed, epoch and rank alone.

    That is what makes a resumed training go on exactly where it was cut off, on whatever device the frames lie.
    """

    def __init__(self, pairs: Pairs, crops: Crops, *, seed: int, epoch: int, rank: int, ranks: int) -> None:
        self.pairs, self.scale = pairs, crops.scale
        height, width = pairs.inputs.size
        self.side = min(crops.side_px, height, width)
        batches = max(1, crops.per_epoch // (crops.batch_size * ranks))
        shape = batches, crops.batch_size
        generator = Generator().manual_seed((seed * 10_007 + epoch) * 1_009 + rank)
        limits = len(pairs.inputs), height - self.side + 1, width - self.side + 1, 8
        drawn = torch.stack([torch.randint(limit, shape, generator=generator) for limit in limits], dim=1)
        self.drawn = drawn.to(pairs.inputs.store.device)  # (batches, 4, batch size): frame, y, x, turn

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, index: int) -> Pair:
        frame, y, x, turn = self.drawn[index]
        inputs, targets, scale = self.pairs.inputs, self.pairs.targets, self.scale
        small = _squares(inputs, frame, y, x, turn, side=self.side)
        large = _squares(targets, frame, scale * y, scale * x, turn, side=scale * self.side)
        return small, large, *self.pairs.dials_of(frame)


def _squares(frames: Frames, *where: Tensor, side: int) -> Tensor:
    """Squares of frames: `where` is their numbers, y, x and turn, as `cut` has them of slots."""
    handfuls = zip(*(torch.split(each, frames.AT_ONCE) for each in where), strict=True)
    squares = [cut(frames.store, frames.hold(numbers), y, x, turn, side=side) for numbers, y, x, turn in handfuls]
    return squares[0] if len(squares) == 1 else torch.cat(squares)


def cut(store: Tensor, slots: Tensor, y: Tensor, x: Tensor, turn: Tensor, *, side: int) -> Tensor:
    """Squares of pictures (S, H, W, 3), one for each entry of the other tensors, (N, side, side, 3), in one gather.

    (y, x) is a square's first pixel. `turn` is one of the eight ways (0..7) to flip and turn it: bit 0 flips the rows,
    bit 1 the columns, bit 2 then exchanges rows and columns.
    """
    height, width = store.shape[1:3]
    there = torch.arange(side, device=store.device)
    down = width * torch.where(_bit(turn, 0), there.flip(0), there)  # (N, side): pixels from the square's first
    right = torch.where(_bit(turn, 1), there.flip(0), there)
    rows, columns = torch.where(_bit(turn, 2), right, down), torch.where(_bit(turn, 2), down, right)
    first = (slots * height + y) * width + x
    pixels = (first[:, None] + rows)[:, :, None] + columns[:, None, :]
    return store.view(-1, 3).index_select(0, pixels.flatten()).view(-1, side, side, 3)


def _bit(turn: Tensor, number: int) -> Tensor:
    """(N, 1): whether that bit is set."""
    return (turn >> number & 1).bool()[:, None]


def loader(dataset: WholeFrames | RandomCrops, device: torch.device) -> DataLoader[Pair]:
    """Batches in order; cut by other processes, ahead, where they have to travel to a GPU."""
    return DataLoader(dataset, batch_size=None, **_travel(dataset.pairs, device))


def _travel(pairs: Pairs, device: torch.device) -> dict[str, Any]:
    if device.type == "cpu" or pairs.inputs.store.device == device:
        return {}
    return {"num_workers": CUTTERS, "pin_memory": device.type == "cuda", "prefetch_factor": 4}
