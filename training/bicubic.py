"""Super-resolution as papers test it: pictures halved by bicubic as MATLAB does it, and PSNR on luma.

The protocol is that of Set5 and its like since SRCNN (Dong et al. 2014): crop to even sides, halve with antialiasing,
enlarge by the method, leave out a border, compare the luma of BT.601 in studio range.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from training.pictures import decibels
from training.restoration import busiest, mean_of_roots, random_crop

SCALE = 2
LUMA_SHARE = 0.9  # of the loss
CANDIDATES = 2  # crops that are drawn for one
MARGIN_PX = 8  # more than the kernel of the halving reaches
LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # of R, G, B in 0..255; 16 is black


def even(pictures: Tensor) -> Tensor:
    """`pictures` (..., H, W) without the last row or column where that leaves even sides."""
    return pictures[..., : pictures.shape[-2] // SCALE * SCALE, : pictures.shape[-1] // SCALE * SCALE]


def halve(pictures: Tensor) -> Tensor:
    """`pictures` (N, C, H, W) uint8 of even sides at half the size: bicubic (a = -0.5), antialiased, mirrored edges."""
    padded = F.pad(pictures.float(), (MARGIN_PX,) * 4, mode="replicate")
    for side in (-1, -2):  # mirror with the edge pixel repeated, which F.pad does not know
        length = pictures.shape[side]
        near = pictures.narrow(side, 0, MARGIN_PX).flip(side).float()
        far = pictures.narrow(side, length - MARGIN_PX, MARGIN_PX).flip(side).float()
        across = -2 if side == -1 else -1
        padded.narrow(side, 0, MARGIN_PX).narrow(across, MARGIN_PX, pictures.shape[across]).copy_(near)
        padded.narrow(side, length + MARGIN_PX, MARGIN_PX).narrow(across, MARGIN_PX, pictures.shape[across]).copy_(far)
    size = (padded.shape[-2] // SCALE, padded.shape[-1] // SCALE)
    small = F.interpolate(padded, size=size, mode="bicubic", antialias=True, align_corners=False)
    margin = MARGIN_PX // SCALE
    return small[..., margin:-margin, margin:-margin].clamp(0, 255).round().to(torch.uint8)


def luma(pictures: Tensor) -> Tensor:
    """Y in 16..235 of `pictures` (N, 3, H, W) in 0..255: (N, H, W) double."""
    weights = torch.tensor(LUMA, dtype=torch.float64)
    return 16 + (pictures.double() * weights[:, None, None]).sum(dim=1)


def luma_psnr(pictures: Tensor, truth: Tensor, *, shave_px: int = SCALE) -> Tensor:
    """PSNR in dB on luma of `pictures` against `truth`, both (N, 3, H, W) uint8, without a border: (N,)."""
    inner = (slice(None), slice(None), slice(shave_px, -shave_px), slice(shave_px, -shave_px))
    difference = luma(pictures[inner]) - luma(truth[inner])
    return decibels(difference.square().mean(dim=(1, 2)))


def luma_loss(restored: Tensor, truth: Tensor, _raw: Tensor) -> Tensor:
    """`restoration_loss` where nine tenths of the squares are those of luma, which is what `luma_psnr` judges.

    Pictures (N, 3, H, W) in 0..1; the tenth that is left keeps the colours.
    """
    difference = restored.float() - truth
    weights = torch.tensor(LUMA) / sum(LUMA)
    of_luma = (difference * weights[:, None, None]).sum(dim=1).square().mean(dim=(1, 2))
    of_colours = difference.square().mean(dim=(1, 2, 3))
    return mean_of_roots(LUMA_SHARE * of_luma + (1 - LUMA_SHARE) * of_colours)


class BicubicPairs:
    """Random crops of photographs and of their halves; a batch is a function of seed and step alone."""

    def __init__(self, photos: list[Tensor], *, seed: int) -> None:
        self.truths = [even(photo) for photo in photos]
        self.halves = [halve(photo[None])[0] for photo in self.truths]
        self.seed = seed

    def batch(self, step: int, *, size: int, crop_px: int) -> tuple[Tensor, Tensor]:
        """Crops (size, 3, crop_px, crop_px) and their truth at twice that, float in 0..1, turned the same way.

        Each is the busiest of CANDIDATES drawn at random.
        """
        generator = Generator().manual_seed(self.seed * 1_000_003 + step)
        pairs = [busiest(self._crop(crop_px, generator) for _ in range(CANDIDATES)) for _ in range(size)]
        small, large = (torch.stack(part).float() / 255 for part in zip(*pairs, strict=True))
        return small, large

    def _crop(self, crop_px: int, generator: Generator) -> tuple[Tensor, Tensor]:
        index = int(torch.randint(len(self.halves), (1,), generator=generator))
        return random_crop(self.halves[index], self.truths[index], crop_px=crop_px, generator=generator)
