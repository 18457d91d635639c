"""The simulated camera: how a cheap webcam sees a scene, and how an ideal camera would have seen it.

Light comes in linear; blur, sampling, noise and the colour mosaic happen in linear light, as they do in a real camera,
and only then come gamma and JPEG. A pose says where the camera looks; lengths on the sensor are in raw pixels.
"""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from training.camera.jpeg import jpeg

SCENE_GAMMA = 2.2  # photographs are taken as pictures of this gamma


class View(NamedTuple):
    """A raster laid over the sensor: its size in pixels, and its pitch and offset from the axis in raw pixels."""

    height: int
    width: int
    pitch_y: float
    pitch_x: float
    offset_y: float = 0.0
    offset_x: float = 0.0


@dataclass(frozen=True)
class Settings:
    """What is fixed while one clip is recorded; each field is a tensor (N,), one value a clip."""

    lens_blur_px: Tensor  # standard deviation of the lens' point spread, raw pixels
    shutter_s: Tensor  # exposure time, seconds
    exposure: Tensor  # factor on linear light
    white_balance_red: Tensor  # factor on linear red
    white_balance_blue: Tensor  # factor on linear blue
    full_well: Tensor  # electrons at white: shot noise has a variance of signal / full_well
    read_noise: Tensor  # standard deviation, share of white, linear
    gamma: Tensor  # encoded = linear ** (1 / gamma)
    jpeg_quality: Tensor  # 1..100

    def select(self, index: int) -> "Settings":
        """The settings of one clip, as a batch of one."""
        return Settings(**{field.name: getattr(self, field.name)[index : index + 1] for field in fields(self)})

    def values(self) -> dict[str, float]:
        """The settings of a batch of one as plain numbers, to be written down."""
        return {field.name: round(float(getattr(self, field.name)[0]), 6) for field in fields(self)}


RANGES = {
    "lens_blur_px": (0.5, 1.3),
    "shutter_s": (1 / 250, 1 / 60),  # a camera of 60 frames a second cannot expose longer
    "exposure": (0.75, 1.15),
    "white_balance_red": (0.88, 1.14),
    "white_balance_blue": (0.84, 1.14),
    "full_well": (300.0, 3000.0),
    "read_noise": (0.0015, 0.006),
    "gamma": (1.9, 2.4),
    "jpeg_quality": (60.0, 95.0),
}
LOGARITHMIC = ("shutter_s", "full_well", "read_noise")


def draw_settings(count: int, *, generator: Generator) -> Settings:
    """Draw the settings of `count` clips, each value uniform (or log-uniform) in its range."""
    drawn = {}
    for name, (low, high) in RANGES.items():
        share = torch.rand(count, generator=generator)
        drawn[name] = low * (high / low) ** share if name in LOGARITHMIC else low + (high - low) * share
    return Settings(**drawn)


def to_linear(photo: Tensor) -> Tensor:
    """Linear light of a photograph in 0..1."""
    return photo**SCENE_GAMMA


def exposure_path(pose: Tensor, velocity: Tensor, *, shutter_s: Tensor, steps: int) -> Tensor:
    """Poses (N, steps, 4) while the shutter is open, `pose` (N, 4) being mid-exposure and `velocity` (N, 4) per second.

    The path is a straight line about its middle, so that motion blurs the picture without shifting it.
    """
    times = (torch.arange(steps, device=pose.device) + 0.5) / steps - 0.5
    return pose[:, None] + velocity[:, None] * (times[None, :] * shutter_s[:, None])[..., None]


def steps_needed(velocity: Tensor, *, shutter_s: Tensor, zoom: float) -> int:
    """Sub-exposures that keep each step along the path to one raw pixel, which a pixel gathers anyway; 1 to 12."""
    longest_px = float((velocity[:, :2].norm(dim=1) * shutter_s).max()) / zoom
    return min(12, 1 + math.ceil(longest_px))


def render(scene: Tensor, poses: Tensor, view: View) -> Tensor:
    """What each of `poses` (N, 4) sees of `scene` (3, H, W) or (N, 3, H, W) on the raster `view`: (N, 3, h, w).

    A pose is centre x, centre y (scene pixels, 0 at the left edge of the first pixel), zoom (scene pixels per raw
    pixel), angle (radians). Bicubic interpolation: keep zoom x pitch between about 1 (no enlargement) and 1.5.
    """
    batch = scene.expand(len(poses), -1, -1, -1)
    y = (torch.arange(view.height, device=poses.device) + 0.5 - view.height / 2) * view.pitch_y + view.offset_y
    x = (torch.arange(view.width, device=poses.device) + 0.5 - view.width / 2) * view.pitch_x + view.offset_x
    centre_x, centre_y, zoom, angle = (part[:, None, None] for part in poses.unbind(dim=1))
    cosine, sine = zoom * torch.cos(angle), zoom * torch.sin(angle)
    scene_x = centre_x + cosine * x[None, None, :] - sine * y[None, :, None]
    scene_y = centre_y + sine * x[None, None, :] + cosine * y[None, :, None]
    size = torch.tensor((scene.shape[-1], scene.shape[-2]), dtype=poses.dtype, device=poses.device)
    grid = torch.stack((scene_x, scene_y), dim=-1) / size * 2 - 1
    return F.grid_sample(batch, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


def blur(frames: Tensor, *, sigma_px: Tensor) -> Tensor:
    """Gaussian blur of `frames` (N, C, H, W) with a standard deviation of its own for each, (N,), in pixels."""
    radius = max(1, int(3 * float(sigma_px.max()) + 0.5))
    offsets = torch.arange(-radius, radius + 1, dtype=frames.dtype, device=frames.device)
    kernel = torch.exp(-(offsets[None] ** 2) / (2 * sigma_px[:, None].clamp_min(0.05) ** 2))
    weights = (kernel / kernel.sum(dim=1, keepdim=True))[:, :, None, None, None].unbind(dim=1)
    height, width = frames.shape[-2:]
    padded = F.pad(frames, (radius,) * 4, mode="replicate")
    # Shifted sums: a convolution of one channel by one kernel is several times slower on the CPU.
    rows = padded[..., :height, :] * weights[0]
    for shift, weight in enumerate(weights[1:], start=1):
        rows.addcmul_(padded[..., shift : shift + height, :], weight)
    blurred = rows[..., :width] * weights[0]
    for shift, weight in enumerate(weights[1:], start=1):
        blurred.addcmul_(rows[..., shift : shift + width], weight)
    return blurred


def look(scene: Tensor, path: Tensor, settings: Settings, *, height: int, width: int, generator: Generator) -> Tensor:
    """Raw frames (N, 3, height, width) in 0..1, on 256 levels, that the camera records of linear `scene`.

    `path` (N, T, 4) holds the poses while the shutter is open; light is summed along it at twice the raw resolution,
    blurred by the lens, gathered by square sensels under a colour mosaic, and interpolated to full colour.
    """
    fine = View(2 * height, 2 * width, 0.5, 0.5)
    scenes = scene if scene.dim() == 3 else scene.repeat_interleave(path.shape[1], dim=0)
    exposures = render(scenes, path.flatten(0, 1), fine)
    light = exposures.reshape(*path.shape[:2], *exposures.shape[1:]).mean(dim=1)
    gathered = F.avg_pool2d(blur(light, sigma_px=2 * settings.lens_blur_px), 2)
    exposed = _balance(gathered.clamp_min(0), settings)
    noisy = exposed + noise(exposed, settings, generator=generator)
    return jpeg(_encode(demosaic(noisy), settings), quality=settings.jpeg_quality)


def ideal(scene: Tensor, pose: Tensor, settings: Settings, view: View) -> Tensor:
    """The truth (N, 3, h, w) in 0..1: `pose` (N, 4) through the same exposure, white balance and gamma, and no harm."""
    return _encode(_balance(render(scene, pose, view), settings), settings)


def _per_frame(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _balance(light: Tensor, settings: Settings) -> Tensor:
    ones = torch.ones_like(settings.exposure)
    gains = torch.stack((settings.white_balance_red, ones, settings.white_balance_blue), dim=1)
    return light * gains[:, :, None, None] * _per_frame(settings.exposure)


def _encode(light: Tensor, settings: Settings) -> Tensor:
    return light.clamp(0, 1) ** _per_frame(1 / settings.gamma)


def noise(light: Tensor, settings: Settings, *, generator: Generator) -> Tensor:
    """Shot and read noise of every sensel."""
    deviation = (light / _per_frame(settings.full_well) + _per_frame(settings.read_noise) ** 2).sqrt()
    return torch.randn(light.shape, generator=generator).to(light.device) * deviation


def bayer(height: int, width: int) -> Tensor:
    """Which colour each sensel sees, (3, height, width) of 0 and 1: the pattern GRBG (Bayer, US patent 3971065)."""
    y, x = torch.arange(height)[:, None] % 2, torch.arange(width)[None, :] % 2
    return torch.stack(((y == 0) & (x == 1), y == x, (y == 1) & (x == 0))).float()


def demosaic(colours: Tensor) -> Tensor:
    """What a cheap camera makes of its mosaic: of each colour of (N, 3, H, W) it has every second or fourth sensel
    (`bayer`), and interpolates the others linearly between their neighbours."""
    height, width = colours.shape[-2:]
    known = F.pad(colours * bayer(height, width).to(colours.device), (1, 1, 1, 1), mode="reflect")  # keeps the pattern
    # Shifted sums, as in blur: neighbours left and right, then those above and below.
    rows = known[..., 1:-1] + 0.5 * (known[..., :-2] + known[..., 2:])
    red_blue = rows[:, :, 1:-1] + 0.5 * (rows[:, :, :-2] + rows[:, :, 2:])
    green = known[:, 1]
    cross = green[:, 1:-1, :-2] + green[:, 1:-1, 2:] + green[:, :-2, 1:-1] + green[:, 2:, 1:-1]
    full_green = green[:, 1:-1, 1:-1] + 0.25 * cross
    return torch.stack((red_blue[:, 0], full_green, red_blue[:, 2]), dim=1)
