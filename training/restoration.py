"""What a restoring network learns from: crops of simulated frames and of their truth, and what it is to make small.

Every draw comes from a generator seeded by the run's seed and an index, so that a run that was broken off and goes on
sees the very same crops.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from training.pictures import luma, to_uint8

SCALE = 2
LUMA_SHARE = 0.7  # of the squares, as what is seen most; the rest keeps the colours
DECIBEL_WEIGHT = 0.03  # about the usual error: gradients are as large as those of the error itself
FLAT = 1e-4  # mean square error, 40 dB, below which a crop counts less and less
BRIGHTNESS_WEIGHT = 0.5
BOX_PX = 16  # side of the boxes whose brightness is kept, pixels of the input


def seeded(seed: int, purpose: int, index: int) -> Generator:
    """Random numbers of their own for each purpose and index."""
    return Generator().manual_seed((seed * 1_000_003 + index) * 8 + purpose)


def crop_scenes(
    photos: list[Tensor], count: int, *, scene_px: int, shrunk_share: float = 0.0, generator: Generator
) -> Tensor:
    """`count` random squares (N, 3, scene_px, scene_px) of random `photos`, each (3, H, W) uint8.

    `shrunk_share` of them are up to twice as large, where the photograph is, and made smaller: as sharp as pixels are.
    """
    squares = []
    for index in torch.randint(len(photos), (count,), generator=generator).tolist():
        photo = photos[index]
        shrunk, times = torch.rand(2, generator=generator).tolist() if shrunk_share else (1.0, 0.0)
        side = min(int(scene_px * (1 + times)), *photo.shape[1:]) if shrunk < shrunk_share else scene_px
        y = int(torch.randint(photo.shape[1] - side + 1, (1,), generator=generator))
        x = int(torch.randint(photo.shape[2] - side + 1, (1,), generator=generator))
        square = photo[:, y : y + side, x : x + side]
        squares.append(square if side == scene_px else shrunken(square, scene_px))
    return torch.stack(squares)


def shrunken(square: Tensor, side: int) -> Tensor:
    """`square` (3, S, S) uint8, made smaller to (3, side, side)."""
    return to_uint8(F.interpolate(square[None] / 255, size=side, mode="bilinear", antialias=True))[0]


def turn(picture: Tensor, way: int) -> Tensor:
    """One of the eight ways (0..7) to turn and mirror `picture` (..., H, W)."""
    turned = torch.rot90(picture, way % 4, dims=(-2, -1))
    return turned.flip(-1) if way >= 4 else turned


def random_crop(raw: Tensor, truth: Tensor, *, crop_px: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """A random square of `raw` (3, h, w) and the same of `truth` (3, 2h, 2w), turned and mirrored at random."""
    y = int(torch.randint(raw.shape[1] - crop_px + 1, (1,), generator=generator))
    x = int(torch.randint(raw.shape[2] - crop_px + 1, (1,), generator=generator))
    way = int(torch.randint(8, (1,), generator=generator))
    small = raw[:, y : y + crop_px, x : x + crop_px]
    large = truth[:, SCALE * y : SCALE * (y + crop_px), SCALE * x : SCALE * (x + crop_px)]
    return turn(small, way), turn(large, way)


def detail(picture: Tensor) -> float:
    """How much there is to see in `picture` (3, H, W) uint8: mean step from a green pixel to the next, grey levels."""
    green = picture[1].float()
    return float(green.diff(dim=0).abs().mean() + green.diff(dim=1).abs().mean())


def busiest(crops: Iterable[Any], *, picture: Callable[[Any], Tensor] = lambda crop: crop[1]) -> Any:
    """The crop whose `picture`, by default its truth, has most detail: sky and blurred backgrounds teach little."""
    return max(crops, key=lambda crop: detail(picture(crop)))


def restoration_loss(restored: Tensor, truth: Tensor, raw: Tensor) -> Tensor:
    """Each crop's error in decibels, and the light that boxes of 16x16 input pixels lose.

    `restored` and `truth` (N, 3, 2h, 2w), `raw` (N, 3, h, w) in 0..1. Within a crop it asks for the mean of what may be
    true, as PSNR does; between crops it weighs decibels, so that no few hard ones rule. Light that is blurred before
    gamma and sharpened behind it would come out darker: what a camera gave keeps its brightness.
    """
    difference = restored.float() - truth
    of_luma = luma(difference).square().mean(dim=(1, 2, 3))
    of_colours = difference.square().mean(dim=(1, 2, 3))
    squares = LUMA_SHARE * of_luma + (1 - LUMA_SHARE) * of_colours
    return DECIBEL_WEIGHT * decibels(squares) + BRIGHTNESS_WEIGHT * brightness_error(restored.float(), raw)


def decibels(squares: Tensor) -> Tensor:
    """Mean over the crops of half the logarithm of each one's mean square error (N,): 1 is 8.7 dB of PSNR.

    Families of cameras count alike then, however hard they are; crops of sky and walls, with next to no error, do not.
    """
    return 0.5 * torch.log(squares + FLAT).mean()


def brightness_error(restored: Tensor, raw: Tensor) -> Tensor:
    """Mean over boxes of |mean luma of `restored` - that of `raw`|, in 0..1."""
    before, after = F.avg_pool2d(luma(raw), BOX_PX), F.avg_pool2d(luma(restored), SCALE * BOX_PX)
    return (after - before).abs().mean()


def mean_of_roots(squares: Tensor) -> Tensor:
    """Mean over the crops of the root of each one's mean square error (N,)."""
    return (squares + 1e-6).sqrt().mean()


def bicubic(frames: Tensor) -> Tensor:
    """`frames` (N, 3, H, W) doubled without any restoration."""
    return F.interpolate(frames, scale_factor=SCALE, mode="bicubic", align_corners=False)
