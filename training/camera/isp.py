"""What a camera does to its picture once it is encoded: noise reduction, sharpening, contrast, scaling inside.

Frames are (T, 3, H, W) in 0..1, gamma-encoded, in the order of time; settings are numbers, one clip at a time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from training.camera.sensor import blur
from training.pictures import luma


def soften(frames: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of all frames; nothing below a tenth of a pixel."""
    return blur(frames, sigma_px=torch.full((len(frames),), sigma_px)) if sigma_px > 0.1 else frames


def reduce_noise(frames: Tensor, *, sigma_px: float, threshold: float) -> Tensor:
    """Smooth what differs from its neighbourhood by no more than about `threshold` (share of white), keep edges.

    The sigma filter (Lee 1983) with a soft threshold: cheap cameras do little better.
    """
    if threshold <= 0:
        return frames
    smooth = soften(frames, sigma_px)
    weight = torch.exp(-((luma(frames) - luma(smooth)) ** 2) / (2 * threshold**2))
    return frames + weight * (smooth - frames)


def reduce_noise_through_time(frames: Tensor, *, share: float, threshold: float) -> Tensor:
    """A recursive mean, the new frame weighing at least 1 - `share`, all of it where it differs by over `threshold`."""
    if share <= 0:
        return frames
    kept, made = frames[0], []
    for frame in frames:
        moved = ((luma(frame[None]) - luma(kept[None])).abs()[0] / threshold).clamp(0, 1) ** 2
        kept = kept + (1 - share + share * moved) * (frame - kept)
        made.append(kept)
    return torch.stack(made)


def sharpen(frames: Tensor, *, amount: float, radius_px: float) -> Tensor:
    """Unsharp mask on luma, as cameras do it: halos included, clipped at black and white."""
    if amount <= 0:
        return frames
    light = luma(frames)
    return (frames + amount * (light - soften(light, radius_px))).clamp(0, 1)


def contrast(frames: Tensor, strength: float) -> Tensor:
    """A curve of the shape of an S about middle grey; 0 leaves all as it is, 1 is strong."""
    x = frames.clamp(0, 1)
    return x + strength * (x * x * (3 - 2 * x) - x)


def resize(frames: Tensor, *, height: int, width: int, mode: str) -> Tensor:
    """`frames` at another size; "area" is for smaller ones, "bicubic" keeps aliasing away."""
    if frames.shape[-2:] == (height, width):
        return frames
    if mode == "area":
        return F.interpolate(frames, size=(height, width), mode="area")
    return F.interpolate(frames, size=(height, width), mode=mode, align_corners=False, antialias=True)
