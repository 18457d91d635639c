"""Dials: four numbers that tell a network what camera it looks through, and that fold into its weights.

A small perceptron turns them into a factor and an offset for each channel of each convolution (FiLM, Perez et al. 2018;
the idea of telling a restorer the noise and the blur is that of FFDNet, 1710.04026, and SRMD, 1712.06116). Both act on
what a convolution gives, before its activation, so that for fixed dials they are part of its weights and bias:
(W * x + b) * factor + offset = (factor W) * x + (factor b + offset). Factors are positive, as int8 scales must be.
Only sums, products, maxima and quotients are used: whoever folds, in whatever language, gets the same numbers.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

DIALS = ("blur", "noise", "sharpening", "compression")  # each 0 (none) to 1 (as much as cameras do)
NEUTRAL = (0.25, 0.25, 0.15, 0.25)  # a fair camera: where nothing is known
HIDDEN = 32


class Turn(NamedTuple):
    """What dials do to the channels of one convolution: factor and offset, each (N, C, 1, 1) or (1, C, 1, 1)."""

    factor: Tensor
    offset: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """`x` (N, C, H, W), as the convolution gave it."""
        return torch.addcmul(self.offset.to(x.dtype), x, self.factor.to(x.dtype))


class DialPerceptron(nn.Module):
    """Dials (N, 4) to a Turn for each of the convolutions, whose output channels are `channels`.

    At NEUTRAL every factor is 1 and every offset 0: the network's own weights are those of the neutral setting.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)
        self.hidden = nn.Linear(len(DIALS), HIDDEN)
        self.out = nn.Linear(HIDDEN, 2 * sum(self.channels), bias=False)  # a bias would cancel out
        nn.init.zeros_(self.out.weight)
        self.register_buffer("neutral", torch.tensor([NEUTRAL]), persistent=False)

    def forward(self, dials: Tensor) -> Iterator[Turn]:
        """The turns, in the order of `channels`."""
        neutral = torch.relu(self.hidden(self.neutral))
        raw = self.out(torch.relu(self.hidden(dials.float())) - neutral)[..., None, None]  # (N, 2 C, 1, 1)
        factors, offsets = raw.chunk(2, dim=1)
        parts = zip(factors.split(self.channels, dim=1), offsets.split(self.channels, dim=1), strict=True)
        return (Turn(positive(factor), offset) for factor, offset in parts)


def positive(x: Tensor) -> Tensor:
    """1 + x above zero, 1 / (1 - x) below: positive, smooth, 1 at zero."""
    return torch.where(x >= 0, 1 + x, 1 / (1 - x.clamp_max(0)))


def straight(x: Tensor) -> Tensor:
    """The turn of the neutral dials."""
    return x
