"""The bundled teacher: a compact NAF-style network that doubles a frame and undoes blur, noise and JPEG marks.

After "Simple Baselines for Image Restoration" (arXiv 2204.04676): LayerNorm, a gate in place of an activation, residual
branches scaled from zero. Unlike NAFNet it has no channel attention, since a mean over a small training crop is not
the mean over a whole frame, and one dense 3x3 convolution in place of 1x1 and depthwise, which two CPU cores compute
several times faster at the same width.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.dials import DialPerceptron, straight
from training.models.estimator import Estimator
from training.models.naf_block import LayerNorm2d

FIRST_CHANNELS = 24  # of the estimator in files that say no more than that there is one
SCALE = 2  # the frame that is given, in each direction
FOLD = 2  # the body works on half the input's grid


class GatedBlock(nn.Module):
    """x + beta * mix(gate(spread(norm(x)))); the identity until it is trained."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = LayerNorm2d(channels)
        self.spread = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, turn: Callable[[Tensor], Tensor] = straight) -> Tensor:
        first, second = turn(self.spread(self.norm(x).to(self.spread.weight.dtype))).chunk(2, dim=1)
        changed: Tensor = x + self.mix(first * second) * self.beta
        return changed


class Stage(nn.ModuleList):
    """Gated blocks, each with the turn of the dials that is its own."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__(GatedBlock(channels) for _ in range(count))

    def forward(self, x: Tensor, turns: Iterator[Callable[[Tensor], Tensor]]) -> Tensor:
        for block in self:
            x = block(x, next(turns))
        return x


class FineBranch(nn.Module):
    """Gated blocks on the input's own grid; adds nothing until it is trained."""

    def __init__(self, width: int, count: int, *, dials: bool) -> None:
        super().__init__()
        self.intro = nn.Conv2d(3, width, 3, padding=1)
        self.rise = nn.Conv2d(width, FOLD**2 * width, 1, bias=False)
        self.blocks = Stage(width, count)
        self.ending = nn.Conv2d(width, 3 * SCALE**2, 3, padding=1)
        for parameter in self.ending.parameters():
            nn.init.zeros_(parameter)
        self.dials = DialPerceptron([2 * width] * count) if dials else None

    def forward(self, frames: Tensor, features: Tensor, dials: Tensor | None) -> Tensor:
        """What to add (N, 3, 2H, 2W), from `frames` (N, 3, H, W) and `features` (N, width, H / 2, W / 2)."""
        turns = repeat(straight) if dials is None or self.dials is None else self.dials(dials)
        risen = F.pixel_shuffle(self.rise(features), FOLD)
        x = self.intro(frames.contiguous(memory_format=torch.channels_last)) + risen
        return F.pixel_shuffle(self.ending(self.blocks(x, turns)), SCALE)


class Restorer(nn.Module):
    """A U-shape of gated blocks on the folded grid, added to the bicubic doubling of its input.

    `width` channels on the half grid, doubled at each level; `blocks` gated blocks a level, on the way down and again
    on the way up. With `dials` it is a function of the camera, too: they act on what each block's `spread` gives.
    With an `estimator` of so many channels it reads them from each frame itself, where none are given. `fine` gated
    blocks more work on the input's own grid, on the frame and on what the U-shape found: what is sharp already is lost
    on half the grid.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        blocks: Sequence[int] = (2, 3, 4),
        dials: bool = False,
        estimator: int = 0,
        fine: int = 0,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(len(blocks))]
        self.intro = nn.Conv2d(3 * FOLD**2, width, 3, padding=1)
        self.encoders = nn.ModuleList(Stage(c, n) for c, n in zip(widths, blocks, strict=True))
        self.downs = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c in widths[:-1])
        self.ups = nn.ModuleList(nn.Conv2d(2 * c, 4 * c, 1, bias=False) for c in widths[:-1])
        self.decoders = nn.ModuleList(Stage(c, n) for c, n in zip(widths[:-1], blocks[:-1], strict=True))
        self.ending = nn.Conv2d(width, 3 * (FOLD * SCALE) ** 2, 3, padding=1)
        for parameter in self.ending.parameters():
            nn.init.zeros_(parameter)
        self.multiple = FOLD * 2 ** (len(blocks) - 1)
        in_order = [*self.encoders, *reversed(self.decoders)]  # as they compute
        spreads = [block.spread.out_channels for stage in in_order for block in stage]
        self.dials = DialPerceptron(spreads) if dials else None
        channels = FIRST_CHANNELS if estimator is True else estimator
        self.estimator = Estimator(channels=channels) if channels else None
        self.fine = FineBranch(width, fine, dials=dials) if fine else None

    def forward(self, frames: Tensor, dials: Tensor | None = None) -> Tensor:
        """Restore `frames` (N, 3, H, W) in 0..1, any H and W, to (N, 3, 2H, 2W), not clamped.

        `dials` (N, 4) or (1, 4) in 0..1 describe the camera; None: as the estimator reads them, else neutral ones.
        """
        if dials is None and self.estimator is not None:
            dials = self.estimator.whole(frames)
        turns = repeat(straight) if dials is None or self.dials is None else self.dials(dials)
        height, width = frames.shape[-2:]
        padded = F.pad(frames, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        features = self._body(F.pixel_unshuffle(padded, FOLD), turns)
        residual = F.pixel_shuffle(self.ending(features), FOLD * SCALE)
        if self.fine is not None:
            residual = residual + self.fine(padded, features, dials)
        doubled = F.interpolate(frames.float(), scale_factor=SCALE, mode="bicubic", align_corners=False)
        restored: Tensor = doubled + residual[..., : SCALE * height, : SCALE * width]
        return restored

    def _body(self, folded: Tensor, turns: Iterator[Callable[[Tensor], Tensor]]) -> Tensor:
        x: Tensor = self.intro(folded.contiguous(memory_format=torch.channels_last))
        kept = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            kept.append(encoder(x, turns))
            x = down(kept[-1])
        x = self.encoders[-1](x, turns)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            grown = F.pixel_shuffle(up(x), 2).contiguous(memory_format=torch.channels_last)
            x = decoder(grown + kept.pop(), turns)
        return x
