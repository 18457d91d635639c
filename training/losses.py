"""Losses: functions of two pictures (N, 3, H, W) in 0..1, reduced to their mean."""

import torch
from torch import Tensor


def l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, 0..1."""
    return torch.mean(torch.abs(picture - target))
