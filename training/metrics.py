"""How near two pictures are: measures on tensors (N, 3, H, W), RGB in 0..1. One value a frame; the caller averages."""

import torch
from torch import Tensor

from training.pictures import PEAK, decibels, luma, to_levels

MIDDLE = 128.0
SSIM_SIDE, SSIM_SIGMA = 11, 1.5


def psnr(pictures: Tensor, targets: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of the 8-bit pictures (N,): RGB, peak 255; equal pictures give 100 dB."""
    error = (to_levels(pictures) - to_levels(targets)).double().square().mean(dim=(1, 2, 3))
    return decibels(error).float()


def ssim(pictures: Tensor, targets: Tensor) -> Tensor:
    """Structural similarity (N,) of the 8-bit luma, Gaussian window 11/1.5, no padding (Wang et al. 2004)."""
    x, y = (
        luma(to_levels(each))[:, 0] - MIDDLE for each in (pictures, targets)
    )  # variances keep their digits about zero
    mean_x, mean_y, square_x, square_y, product = _window(torch.stack((x, y, x * x, y * y, x * y)))
    variances = square_x - mean_x**2 + square_y - mean_y**2
    covariance = product - mean_x * mean_y
    mean_x, mean_y = mean_x + MIDDLE, mean_y + MIDDLE
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity: Tensor = (top / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).double().mean(dim=(1, 2)).float()
    return similarity


def mean_absolute(pictures: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference (N,) of the 8-bit pictures, 0..1."""
    return (to_levels(pictures) - to_levels(targets)).abs().mean(dim=(1, 2, 3)) / PEAK


def _window(planes: Tensor) -> Tensor:
    """Weighted means over the window, (..., H - 10, W - 10). Shifted sums: a convolution of one channel is slow."""
    offsets = torch.arange(SSIM_SIDE, device=planes.device) - SSIM_SIDE // 2
    kernel = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    weights = (kernel / kernel.sum()).tolist()
    height, width = planes.shape[-2] - SSIM_SIDE + 1, planes.shape[-1] - SSIM_SIDE + 1
    rows = planes[..., :height, :] * weights[0]
    for shift, weight in enumerate(weights[1:], start=1):
        rows.add_(planes[..., shift : shift + height, :], alpha=weight)
    means: Tensor = rows[..., :width] * weights[0]
    for shift, weight in enumerate(weights[1:], start=1):
        means.add_(rows[..., shift : shift + width], alpha=weight)
    return means
