"""What every part does with pictures (N, 3, H, W), RGB in 0..1."""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def luma(pictures: Tensor) -> Tensor:
    """Y (N, 1, H, W) of `pictures`, in the unit they have."""
    weights = torch.tensor(LUMA, dtype=pictures.dtype, device=pictures.device)
    return torch.einsum("c,nchw->nhw", weights, pictures)[:, None]


def to_uint8(pictures: Tensor) -> Tensor:
    """Round `pictures` to 8 bits; what lies outside 0..1 is clamped."""
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)
