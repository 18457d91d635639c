"""What every part does with pictures (N, 3, H, W), RGB in 0..1."""

import torch
from torch import Tensor

PEAK = 255.0
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def luma(pictures: Tensor) -> Tensor:
    """Y (N, 1, H, W) of `pictures`, in the unit they have."""
    weights = torch.tensor(LUMA, dtype=pictures.dtype, device=pictures.device)
    return torch.einsum("c,nchw->nhw", weights, pictures)[:, None]


def to_uint8(pictures: Tensor) -> Tensor:
    """Round `pictures` to 8 bits; what lies outside 0..1 is clamped."""
    return to_levels(pictures).to(torch.uint8)


def to_levels(pictures: Tensor) -> Tensor:
    """`pictures` clamped and rounded to whole levels, float 0..255."""
    levels: Tensor = (pictures.float().clamp(0, 1) * 255).round()
    return levels


def decibels(square_error: Tensor) -> Tensor:
    """PSNR in dB of mean square errors of 8-bit pictures, peak 255; no error gives 100 dB."""
    return 10 * torch.log10(PEAK**2 / square_error.clamp_min(PEAK**2 * 1e-10))
