"""What a restoring network learns from: photographs seen through the simulated camera, and beside them the truth.

Every draw comes from a generator seeded by the run's seed and an index, so that a run that was broken off and goes on
sees the very same crops.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from training import camera

SCALE = 2
QUIET_FACTOR = 10.0  # how much less noise a camera shows that has already smoothed its picture


@dataclass(frozen=True)
class Shots:
    """How photographs are taken: (low, high) ranges, each drawn evenly."""

    zoom: tuple[float, float]  # photograph's pixels per raw pixel
    tilt_rad: float  # largest angle to either side
    speed_px_per_s: tuple[float, float]  # raw pixels
    still_share: float  # of frames without any motion
    quiet_share: float  # of frames that the camera itself has smoothed


def seeded(seed: int, purpose: int, index: int) -> Generator:
    """Random numbers of their own for each purpose and index."""
    return Generator().manual_seed((seed * 1_000_003 + index) * 8 + purpose)


def _between(low_high: tuple[float, float], count: int, generator: Generator) -> Tensor:
    low, high = low_high
    return low + (high - low) * torch.rand(count, generator=generator)


def _chance(share: float, count: int, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share


def _draw_settings(count: int, shots: Shots, generator: Generator) -> camera.Settings:
    drawn = camera.draw_settings(count, generator=generator)
    calmer = torch.where(_chance(shots.quiet_share, count, generator), QUIET_FACTOR, 1.0)
    return replace(drawn, full_well=drawn.full_well * calmer**2, read_noise=drawn.read_noise / calmer)


def _draw_motion(count: int, shots: Shots, size: tuple[int, int], generator: Generator) -> tuple[Tensor, Tensor]:
    """Poses and velocities (N, 4), about the middle of a photograph of `size` (height, width)."""
    zoom = _between(shots.zoom, count, generator)
    tilt = _between((-shots.tilt_rad, shots.tilt_rad), count, generator)
    heading = _between((0, 2 * torch.pi), count, generator)
    speed = zoom * _between(shots.speed_px_per_s, count, generator)
    speed = torch.where(_chance(shots.still_share, count, generator), 0.0, speed)
    zeros = torch.zeros(count)
    shift = torch.rand(2, count, generator=generator)  # so that pixels of camera and photograph never keep step
    pose = torch.stack((size[1] / 2 + shift[0], size[0] / 2 + shift[1], zoom, tilt), dim=1)
    return pose, torch.stack((speed * heading.cos(), speed * heading.sin(), zeros, zeros), dim=1)


def shoot(scenes: Tensor, *, shots: Shots, frame_px: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Take the middle of each of `scenes` (N, 3, H, W) uint8: raw (N, 3, px, px) and truth (N, 3, 2px, 2px), uint8.

    The draws are made on the CPU, the pictures on the scenes' device.
    """
    count, device = len(scenes), scenes.device
    settings = _draw_settings(count, shots, generator)
    pose, velocity = _draw_motion(count, shots, (scenes.shape[2], scenes.shape[3]), generator)
    steps = camera.steps_needed(velocity, shutter_s=settings.shutter_s, zoom=float(pose[:, 2].mean()))
    path = camera.exposure_path(pose, velocity, shutter_s=settings.shutter_s, steps=steps).to(device)
    settings = camera.Settings(**{name: value.to(device) for name, value in vars(settings).items()})
    light = camera.to_linear(scenes.float() / 255)
    raw = camera.look(light, path, settings, height=frame_px, width=frame_px, generator=generator)
    view = camera.View(SCALE * frame_px, SCALE * frame_px, 1 / SCALE, 1 / SCALE)
    return to_uint8(raw), to_uint8(camera.ideal(light, pose.to(device), settings, view))


def to_uint8(frames: Tensor) -> Tensor:
    """Round `frames` in 0..1 to 8 bits; what lies outside is clamped."""
    return (frames.clamp(0, 1) * 255).round().to(torch.uint8)


def crop_scenes(photos: list[Tensor], count: int, *, scene_px: int, generator: Generator) -> Tensor:
    """`count` random squares (N, 3, scene_px, scene_px) of random `photos`, each (3, H, W) uint8."""
    squares = []
    for index in torch.randint(len(photos), (count,), generator=generator).tolist():
        height, width = photos[index].shape[1:]
        y = int(torch.randint(height - scene_px + 1, (1,), generator=generator))
        x = int(torch.randint(width - scene_px + 1, (1,), generator=generator))
        squares.append(photos[index][:, y : y + scene_px, x : x + scene_px])
    return torch.stack(squares)


def turn(picture: Tensor, way: int) -> Tensor:
    """One of the eight ways (0..7) to turn and mirror `picture` (..., H, W)."""
    turned = torch.rot90(picture, way % 4, dims=(-2, -1))
    return turned.flip(-1) if way >= 4 else turned


def crop_pair(raw: Tensor, truth: Tensor, *, crop_px: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """A random square of `raw` (3, h, w) and the same of `truth` (3, 2h, 2w), turned and mirrored at random."""
    y = int(torch.randint(raw.shape[1] - crop_px + 1, (1,), generator=generator))
    x = int(torch.randint(raw.shape[2] - crop_px + 1, (1,), generator=generator))
    way = int(torch.randint(8, (1,), generator=generator))
    small = raw[:, y : y + crop_px, x : x + crop_px]
    large = truth[:, SCALE * y : SCALE * (y + crop_px), SCALE * x : SCALE * (x + crop_px)]
    return turn(small, way), turn(large, way)


def detail(picture: Tensor) -> float:
    """How much there is to see in `picture` (3, H, W) uint8: mean step from a green pixel to the next, grey levels."""
    green = picture[1].float()
    return float(green.diff(dim=0).abs().mean() + green.diff(dim=1).abs().mean())


def busiest(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The crop and its truth, uint8, whose truth has most detail: sky and blurred backgrounds teach little."""
    return max(pairs, key=lambda pair: detail(pair[1]))


def restoration_loss(restored: Tensor, truth: Tensor) -> Tensor:
    """Mean over the crops of each one's root mean square error, pictures (N, 3, H, W) in 0..1.

    Within a crop it asks for the mean of what may be true, as PSNR does; between crops it weighs errors, not their
    squares, so that no few hard ones rule.
    """
    return mean_of_roots((restored.float() - truth).square().mean(dim=(1, 2, 3)))


def mean_of_roots(squares: Tensor) -> Tensor:
    """Mean over the crops of the root of each one's mean square error (N,)."""
    return (squares + 1e-6).sqrt().mean()


def frame_psnr(restored: Tensor, truth: Tensor) -> Tensor:
    """PSNR in dB of each of `restored` (N, 3, H, W), both in 0..1 and rounded to 8 bits first: (N,)."""
    difference = to_uint8(restored).double() - to_uint8(truth).double()
    return 10 * torch.log10(255**2 / difference.square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


def bicubic(frames: Tensor) -> Tensor:
    """`frames` (N, 3, H, W) doubled without any restoration."""
    return F.interpolate(frames, scale_factor=SCALE, mode="bicubic", align_corners=False)
