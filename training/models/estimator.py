"""The estimator: a small network that reads the dials of a camera from its frames.

It says for each place of a frame what the dials may be and how much that place can tell: a flat wall tells the noise
and nothing of the blur, a sharp edge the opposite. Weights are precisions (one over a variance), learned by the
likelihood of the dials that cameras really had, as in Nix and Weigend, "Estimating the mean and variance of the target
probability distribution", 1994. Places, windows and frames are pooled by them like independent measurements, together
with a prior at the neutral dials, to which an unsure picture falls back.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.dials import DIALS, NEUTRAL
from training.pictures import luma

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

    def __init__(self, *, channels: int = 32) -> None:
        super().__init__()
        self.channels = channels
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
        for parameter in (self.value.weight, *self.weight.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, windows: Tensor) -> Reading:
        features = self.body(torch.cat((windows - 0.5, fine_detail(windows)), dim=1))
        weights = torch.exp(MOST_LOGIT * torch.tanh(self.weight(features).float() / MOST_LOGIT))
        total = weights.mean(dim=(2, 3))
        values = torch.sigmoid(self.value(features).float())
        return Reading((weights * values).mean(dim=(2, 3)) / total, total)

    def whole(self, frames: Tensor) -> Tensor:
        """The dials (N, 4) of each of `frames` (N, 3, H, W), looked at everywhere."""
        return self.of_cameras(frames, torch.arange(len(frames)), len(frames)).values

    def of_cameras(self, frames: Tensor, cameras: Tensor, count: int) -> Reading:
        """The dials (count, 4) of cameras, and how precise they are; `cameras` (N,) numbers whose each frame is."""
        values, weights = self(frames)
        precisions = weights * (frames.shape[-2] * frames.shape[-1] / WINDOW_PX**2)
        prior = self.prior.exp()
        total = prior + sums_of_groups(precisions, cameras, count)
        return Reading((prior * self.neutral + sums_of_groups(precisions * values, cameras, count)) / total, total)


def fine_detail(windows: Tensor) -> Tensor:
    """What differs from the mean of 3x3 pixels, -1..1: noise and the marks of codecs are small beside the picture."""
    return ((windows - F.avg_pool2d(windows, 3, stride=1, padding=1)) * DETAIL_GAIN).clamp(-1, 1)


def likelihood_loss(found: Reading, dials: Tensor) -> Tensor:
    """How unlikely `dials` (N, 4) are by what was found, as a logarithm and but for a constant: mean over the cameras.

    Who is sure and wrong loses most.
    """
    values, precision = found
    return (precision * (values - dials).square() - torch.log(precision)).sum(dim=1).mean() / 2


def decibel_loss(restored: Tensor, truth: Tensor, groups: Tensor, count: int) -> Tensor:
    """Mean over groups of crops of the logarithm of their mean square error in luma: what PSNR in dB measures.

    Pictures (N, 3, h, w) in 0..1; 1 is 4.34 dB.
    """
    squares = luma(restored.float() - truth).square().mean(dim=(1, 2, 3))
    return torch.log(mean_of_groups(squares, groups, count) + 1e-5).mean()


def mean_of_groups(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """The mean (count, ...) of the `values` (N, ...) of each group, which `groups` (N,) numbers from 0."""
    sizes = torch.bincount(groups, minlength=count).view(-1, *[1] * (values.dim() - 1))
    return sums_of_groups(values, groups, count) / sizes


def sums_of_groups(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """The sum (count, ...) of the `values` (N, ...) of each group, which `groups` (N,) numbers from 0."""
    return values.new_zeros(count, *values.shape[1:]).index_add(0, groups, values)


def overshoot(restored: Tensor, raw: Tensor) -> Tensor:
    """Mean of what luma lies outside the range of the bicubic enlargement of `raw` within 9x9 pixels, 0..1.

    Halos and double contours do; a sharper edge does not.
    """
    plain = F.interpolate(raw, scale_factor=2, mode="bicubic", align_corners=False)
    before, after = luma(plain.clamp(0, 1)), luma(restored.float())
    high = F.max_pool2d(before, 9, stride=1, padding=4)
    low = -F.max_pool2d(-before, 9, stride=1, padding=4)
    return ((after - high).clamp_min(0) + (low - after).clamp_min(0)).mean()
