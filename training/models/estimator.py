"""The estimator: a small network that reads the dials of a camera from its frames.

It looks at small windows everywhere and says for each place what the dials may be and how much that place can tell: a
flat wall tells the noise and nothing of the blur, a sharp edge the opposite. Places, windows and frames are pooled by
the same weighted mean, together with a prior at the neutral dials, to which an unsure picture falls back.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.dials import DIALS, NEUTRAL

SMALLEST_PX = 64
WINDOW_PX = 256  # side of the windows that one reading is made of where frames are large
DETAIL_GAIN = 12.0
MOST_LOGIT = 6.0  # of a weight: no place outweighs all others for good


class Reading(NamedTuple):
    """What windows say: values (N, 4) in 0..1 and weights (N, 4) above 0."""

    values: Tensor
    weights: Tensor


class Estimator(nn.Module):
    """Windows (N, 3, H, W) in 0..1, at the camera's own pixels, at least 64 a side, to a Reading for each.

    Its strides make steps of eight pixels, the blocks of JPEG: windows should begin at multiples of 16.
    """

    neutral: Tensor

    def __init__(self, *, channels: int = 24) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(6, channels, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
        )
        self.value = nn.Conv2d(2 * channels, len(DIALS), 1)
        self.weight = nn.Conv2d(2 * channels, len(DIALS), 1)
        self.prior = nn.Parameter(torch.full((len(DIALS),), -2.0))  # logarithm of the neutral dials' weight
        self.register_buffer("neutral", torch.tensor([NEUTRAL]), persistent=False)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.weight.weight)
        nn.init.zeros_(self.weight.bias)  # type: ignore[arg-type]

    def forward(self, windows: Tensor) -> Reading:
        features = self.body(torch.cat((windows - 0.5, fine_detail(windows)), dim=1))
        weights = torch.exp(MOST_LOGIT * torch.tanh(self.weight(features) / MOST_LOGIT))
        total = weights.mean(dim=(2, 3))
        values = torch.sigmoid(self.value(features))
        return Reading((weights * values).mean(dim=(2, 3)) / total, total)

    def whole(self, frames: Tensor) -> Tensor:
        """The dials (N, 4) of each of `frames` (N, 3, H, W), looked at everywhere."""
        values, weights = self(frames)
        windows = frames.shape[-2] * frames.shape[-1] / WINDOW_PX**2
        prior = self.prior.exp()
        dials: Tensor = (prior * self.neutral + windows * weights * values) / (prior + windows * weights)
        return dials

    def pool(self, reading: Reading, groups: Tensor, count: int) -> Tensor:
        """The dials (count, 4) of each group of windows, `groups` (N,) numbering them from 0."""
        prior = self.prior.exp().expand(count, -1)
        weights = prior.index_add(0, groups, reading.weights)
        sums = (prior * self.neutral).index_add(0, groups, reading.weights * reading.values)
        return sums / weights


def fine_detail(windows: Tensor) -> Tensor:
    """What differs from the mean of 3x3 pixels, -1..1: noise and the marks of codecs are small beside the picture."""
    return ((windows - F.avg_pool2d(windows, 3, stride=1, padding=1)) * DETAIL_GAIN).clamp(-1, 1)


def decibel_loss(restored: Tensor, truth: Tensor, groups: Tensor, count: int) -> Tensor:
    """Mean over groups of crops of the logarithm of their mean square error in luma: what PSNR in dB measures.

    Pictures (N, 3, h, w) in 0..1; 1 is 4.34 dB.
    """
    weights = torch.tensor((0.299, 0.587, 0.114), device=truth.device)[:, None, None]
    squares = ((restored.float() - truth) * weights).sum(dim=1).square().mean(dim=(1, 2))
    sums = squares.new_zeros(count).index_add(0, groups, squares)
    crops = squares.new_zeros(count).index_add(0, groups, torch.ones_like(squares))
    return torch.log(sums / crops + 1e-5).mean()


def overshoot(restored: Tensor, raw: Tensor) -> Tensor:
    """Mean of what luma lies outside the range of the bicubic enlargement of `raw` within 9x9 pixels, 0..1.

    Halos and double contours do; a sharper edge does not.
    """
    weights = torch.tensor((0.299, 0.587, 0.114), device=raw.device)[:, None, None]
    plain = F.interpolate(raw, scale_factor=2, mode="bicubic", align_corners=False)
    before = (plain.clamp(0, 1) * weights).sum(dim=1, keepdim=True)
    after = (restored.float() * weights).sum(dim=1, keepdim=True)
    high = F.max_pool2d(before, 9, stride=1, padding=4)
    low = -F.max_pool2d(-before, 9, stride=1, padding=4)
    return ((after - high).clamp_min(0) + (low - after).clamp_min(0)).mean()
