"""Scenes and cameras for tests of the simulated cameras."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from aligned import shift_between
from skimage import data
from torch import Generator, Tensor

from training.camera.cameras import Camera
from training.camera.clips import Clip, record
from training.camera.codecs import Codec
from training.camera.drawn import Drawn, Take, draw_camera, draw_take

HARMLESS = Drawn(
    linear=True,
    lens_px=0.0,
    vignette=0.0,
    shutter=0.5,
    mosaic=False,
    full_well=math.inf,
    read_noise=0.0,
    pattern_noise=0.0,
    hot_pixels=False,
    gamma_noise_levels=0.0,
    grey_noise=False,
    noise_is_sharpened=False,
    drift=0.0,
    bands=0.0,
    gamma=2.2,
    exposure=1.0,
    red=1.0,
    blue=1.0,
    denoise_px=1.0,
    denoise_levels=0.0,
    temporal_share=0.0,
    sharpen_amount=0.0,
    sharpen_px=1.0,
    contrast=0.0,
    sensor_scale=1.0,
    resampling="area",
    codecs=(Codec("none"),),
)
STILL = Take(
    softness_px=0.0,
    defocus_px=0.0,
    zoom=2.0,
    angle_rad=0.0,
    shift=(0.0, 0.0),
    speed=(0.0, 0.0),
    mover_px=0.0,
    mover_speed=(0.0, 0.0),
)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


@cache
def scene(px: int = 256) -> Tensor:
    """A photograph (3, px, px) uint8."""
    return as_tensor(data.astronaut()[: px + 50, 60:][50:, :px])


@cache
def other(px: int = 256) -> Tensor:
    """Another one."""
    return as_tensor(data.coffee()[:px, 120:][:, :px])


def flat(level: float, px: int = 160) -> Tensor:
    """An even wall (3, px, px) uint8 of `level` (0..1) in gamma."""
    return torch.full((3, px, px), round(255 * level), dtype=torch.uint8)


def as_tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def filmed(
    drawn: Drawn = HARMLESS, take: Take = STILL, *, of: Tensor | None = None, px: int = 48, number: int = 0
) -> Clip:
    """A clip of a scene; what crosses it is cut out of the other one."""
    wall = scene() if of is None else of
    return record(wall, other(wall.shape[-1]), take, drawn, px=px, generator=seed(number))


def camera_with(**changes: Any) -> Drawn:
    """The harmless camera, but for what is changed."""
    return replace(HARMLESS, **changes)


def drawn_from(camera: Camera, number: int) -> tuple[Drawn, Take]:
    """One camera of that kind, and one take."""
    generator = seed(number)
    drawn = draw_camera(camera, generator)
    return drawn, draw_take(camera, drawn, generator)


def grey(frames: Tensor) -> Tensor:
    """Luma (T, H, W) in grey levels, float."""
    return torch.einsum("c,tchw->thw", torch.tensor([0.299, 0.587, 0.114]), frames.float())


def detail(frames: Tensor) -> float:
    """Mean step from a pixel to the next, grey levels."""
    light = grey(frames)
    return float(light.diff(dim=1).abs().mean() + light.diff(dim=2).abs().mean())


def shifts(clip: Clip, drawn: Drawn) -> np.ndarray:
    """(T, 2): where each frame lies beside its truth, pixels of the truth, measured in the light that came in."""
    return np.array(
        [
            shift_between(doubled(green_light(raw, drawn)), green_light(truth, drawn))
            for raw, truth in zip(*clip[:2], strict=True)
        ]
    )


def doubled(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def green_light(frame: Tensor, drawn: Drawn) -> np.ndarray:
    """Green of (3, H, W) uint8 before contrast and gamma: a blurred edge is in its place there."""
    levels = np.linspace(0, 1, 2001)
    curve = levels + drawn.contrast * (levels * levels * (3 - 2 * levels) - levels)
    encoded = np.interp(frame[1].numpy() / 255, curve, levels)
    return (encoded**drawn.gamma if drawn.linear else encoded).astype(np.float32)


def halved(truth):
    """What even pixels of twice the size gather of linear light."""
    return 255 * F.avg_pool2d((truth.float() / 255) ** 2.2, 2) ** (1 / 2.2)
