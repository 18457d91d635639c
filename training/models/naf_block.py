"""The block that NAFNet, NAFSSR and their smaller relatives are made of.

Chen, Chu, Zhang, Sun: "Simple Baselines for Image Restoration", ECCV 2022, arXiv 2204.04676. There is no
activation function: the product of two halves of the channels takes its place.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.local_mean import ChannelMean, Size, spread


class LayerNorm2d(nn.Module):
    """Normalise every pixel over its channels, always in fp32 (biased variance, eps inside the root)."""

    def __init__(self, channels: int, *, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W), fastest in channels_last, where nothing is copied
        pixels = x.permute(0, 2, 3, 1).float()  # (N, H, W, C)
        normal = F.layer_norm(pixels, self.weight.shape, self.weight.float(), self.bias.float(), self.eps)
        return normal.permute(0, 3, 1, 2).to(x.dtype)


class NAFBlock(nn.Module):
    """Mix neighbours (depthwise convolution, channel attention), then mix channels, each as a residual.

    `window_px` turns the channel attention's global mean into a local one (TLC); no weight depends on it.
    beta and gamma begin at zero, so a block without its weights passes its input through and *looks* right:
    load checkpoints strictly.
    """

    def __init__(self, channels: int, *, window_px: Size | None = None) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.norm1 = LayerNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.sca = nn.Sequential(ChannelMean(window_px=window_px), nn.Conv2d(channels, channels, 1))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.norm2 = LayerNorm2d(channels)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> the same
        return self._mix_channels(self._mix_neighbours(x))

    def _mix_neighbours(self, x: Tensor) -> Tensor:
        y = gate(self.conv2(self.conv1(self.norm1(x))))
        y = self.conv3(y * spread(self.sca(y), size=(y.shape[2], y.shape[3])))
        return torch.addcmul(x, y, self.beta)

    def _mix_channels(self, x: Tensor) -> Tensor:
        y = self.conv5(gate(self.conv4(self.norm2(x))))
        return torch.addcmul(x, y, self.gamma)


def gate(x: Tensor) -> Tensor:
    """Product of the first and the second half of the channels: (N, 2C, H, W) -> (N, C, H, W)."""
    first, second = x.chunk(2, dim=1)
    return first * second
