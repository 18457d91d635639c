"""Losses: functions of two pictures (N, 3, H, W) in 0..1, reduced to their mean."""

import torch
from torch import Tensor


def l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, 0..1."""
    return torch.mean(torch.abs(picture - target))


def frequency_l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of real and imaginary parts of the spectra (Cho et al. 2021, MIMO-UNet).

    Of the orthonormal transform, so that white noise gives about as much as `l1`.
    """
    spectrum = torch.fft.rfft2((picture - target).float(), norm="ortho")
    return torch.mean(torch.abs(torch.view_as_real(spectrum)))
