"""Clips of simulated cameras: frames as the file holds them, the truth at twice their size, and the dials.

A camera is drawn once (`draw_camera`), a take, which is a scene with its motion, for each clip (`draw_take`); `record`
makes the frames. Everything is a function of what is drawn and of the generator. The truth is what an ideal camera of
the same pose, exposure, colours and contrast would have seen of the same scene at mid-exposure: only what light,
sensor, processing and file took away is undone, never what was soft or out of focus by itself.
"""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from training.camera import isp, sensor
from training.camera.drawn import Drawn, Take
from training.camera.sensor import View
from training.pictures import luma, to_uint8

SCALE = 2
MOST_BLUR_PX, MOST_NOISE_LEVELS, MOST_SHARPENING = 1.5, 16.0, 1.8  # what the dials call 1
COLOUR_LAG = 0.6  # radians by which the drift of red is ahead of that of green, and blue behind it
BANDS = 1.7  # of flickering lamps in a frame: a rolling shutter of 1/60 s under lamps that flicker at 100 Hz


class Clip(NamedTuple):
    """The frames of a clip: raw (T, 3, h, w), truth (T, 3, 2h, 2w), both uint8; dials (4,), as in models.dials."""

    raw: Tensor
    truth: Tensor
    dials: Tensor


def record(scene: Tensor, other: Tensor, take: Take, drawn: Drawn, *, px: int, generator: Generator) -> Clip:
    """A clip of the middle of `scene` (3, S, S) uint8, frames of px x px; what crosses it is cut out of `other`."""
    light, blurred = exposures(scene, other, take, drawn, px=px)  # (T, 3, 2px, 2px), of an instant and of the shutter
    light, blurred = (dimmed(part, drawn) for part in (light, blurred))
    gathered = gather(blurred, drawn)
    raw = processed(exposed(gathered, drawn, generator), drawn, generator, size=(px, px))
    still = processed(encoded(gathered[-1:], drawn), drawn, None, size=(px, px))  # the last frame without its noise
    levels = 255 * float((luma(raw[-1:]) - luma(still)).std())
    truth = isp.contrast(encoded(light, drawn), drawn.contrast)
    stored = to_uint8(raw).permute(0, 2, 3, 1).contiguous().numpy()
    for codec in drawn.codecs:
        stored = codec.apply(stored)
    return Clip(torch.from_numpy(stored).permute(0, 3, 1, 2), to_uint8(truth), dials(take, drawn, noise_levels=levels))


def dials(take: Take, drawn: Drawn, *, noise_levels: float) -> Tensor:
    """What the camera does to a picture, (4,) in 0..1: blur, noise, sharpening, compression."""
    motion_px = drawn.shutter * math.hypot(*take.speed)
    shrunk = max(0.0, 1 / drawn.sensor_scale**2 - 1)  # a smaller sensor's pixels are larger
    blur_px = math.sqrt(drawn.lens_px**2 + motion_px**2 / 12 + shrunk / 4)
    error = math.sqrt(sum(codec.compression**2 for codec in drawn.codecs))
    found = (
        blur_px / MOST_BLUR_PX,
        math.sqrt(noise_levels / MOST_NOISE_LEVELS),
        drawn.sharpen_amount * drawn.sharpen_px / MOST_SHARPENING,
        error,
    )
    return torch.tensor(found).clamp(0, 1)


def exposures(scene: Tensor, other: Tensor, take: Take, drawn: Drawn, *, px: int) -> tuple[Tensor, Tensor]:
    """Light at twice the file's resolution, (T, 3, 2px, 2px): at mid-exposure, and as the open shutter sums it up."""
    times = torch.arange(drawn.frames, dtype=torch.float32)
    pictures = [scene, other] if take.mover_px else [scene]
    light = [part[None].float() / 255 for part in pictures]
    light = [sensor.to_linear(part) for part in light] if drawn.linear else light
    instant = seen(light, times, take, px=px)
    steps = steps_needed(take, drawn)
    if steps == 1:
        return instant, instant
    moments = (times[:, None] + drawn.shutter * ((torch.arange(steps) + 0.5) / steps - 0.5)).flatten()
    summed = seen(light, moments, take, px=px)
    return instant, summed.view(len(times), steps, *summed.shape[1:]).mean(dim=1)


def steps_needed(take: Take, drawn: Drawn) -> int:
    """Moments of an exposure that are summed up: steps of about a pixel, which the lens smooths."""
    fastest = max(math.hypot(*take.speed), math.hypot(*take.mover_speed) if take.mover_px else 0.0)
    return min(6, 1 + math.ceil(fastest * drawn.shutter))


def seen(light: list[Tensor], times: Tensor, take: Take, *, px: int) -> Tensor:
    """What lies before the camera at each of `times` (frames), at twice the file's resolution: (len, 3, 2px, 2px)."""
    view = View(SCALE * px, SCALE * px, 1 / SCALE, 1 / SCALE)
    moving = any(take.speed)
    background = softened(rendered(light[0], times if moving else times[:1], take.speed, take, view), take)
    background = background if moving else background.expand(len(times), -1, -1, -1)
    if not take.mover_px:
        return background
    front = rendered(light[1], times, take.mover_speed, take, view)
    return torch.lerp(background, front, mover_mask(times, take, view))


def rendered(light: Tensor, times: Tensor, speed: tuple[float, float], take: Take, view: View) -> Tensor:
    """The scene under a camera that moves evenly."""
    middle = [light.shape[-1] // 2 + take.shift[0], light.shape[-2] // 2 + take.shift[1]]
    poses = torch.tensor([[*middle, take.zoom, take.angle_rad]]).repeat(len(times), 1)
    poses[:, :2] += take.zoom * times[:, None] * torch.tensor([speed])
    return sensor.render(light[0], poses, view).clamp_min(0)


def softened(light: Tensor, take: Take) -> Tensor:
    """The scene's own softness, and a part of it out of focus: the border of the two is a soft slope."""
    light = isp.soften(light, SCALE * take.softness_px)
    if not take.defocus_px:
        return light
    slope = torch.linspace(-2, 2, light.shape[-1]).sigmoid().mul(1.6).sub(0.3).clamp(0, 1)
    return torch.lerp(light, isp.soften(light, SCALE * take.defocus_px), slope.view(1, 1, 1, -1))


def mover_mask(times: Tensor, take: Take, view: View) -> Tensor:
    """1 where something is in front, (len, 1, h, w): a disc with an edge of a pixel of the truth."""
    y = (torch.arange(view.height) + 0.5 - view.height / 2) * view.pitch_y + view.offset_y
    x = (torch.arange(view.width) + 0.5 - view.width / 2) * view.pitch_x + view.offset_x
    centred = times - times.mean()
    far_x = x[None, None, :] + (take.mover_speed[0] * centred)[:, None, None]
    far_y = y[None, :, None] + (take.mover_speed[1] * centred)[:, None, None]
    return (SCALE * (take.mover_px - (far_x**2 + far_y**2).sqrt()) + 0.5).clamp(0, 1)[:, None]


def dimmed(light: Tensor, drawn: Drawn) -> Tensor:
    """Exposure, white balance, their drift, the bands of flickering lamps and dark corners: of the truth, too."""
    if not drawn.linear:
        return light
    count, _, height, width = light.shape
    gains = torch.tensor([drawn.red, 1.0, drawn.blue]).view(1, 3, 1, 1) * drawn.exposure
    time, colour = torch.arange(count).view(-1, 1, 1, 1), COLOUR_LAG * torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    wave = 1 + drawn.drift * torch.sin(2.4 * time + colour)
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    bands = 1 + drawn.bands * torch.sin(BANDS * math.pi * y + 1.9 * time)
    return light * gains * wave * bands * (1 - drawn.vignette * (x**2 + y**2) / 2)


def gather(light: Tensor, drawn: Drawn) -> Tensor:
    """What the pixels of the sensor get of the light behind the lens."""
    behind = isp.soften(light, SCALE * drawn.lens_px)
    height, width = (2 * round(side * drawn.sensor_scale / SCALE / 2) for side in light.shape[-2:])
    mode = "area" if drawn.linear else drawn.resampling
    return isp.resize(behind, height=height, width=width, mode=mode).clamp(min=0)


def encoded(light: Tensor, drawn: Drawn) -> Tensor:
    """Gamma; a picture that was made smaller in gamma has it already."""
    return light.clamp(0, 1) ** (1 / drawn.gamma) if drawn.linear else light.clamp(0, 1)


def exposed(light: Tensor, drawn: Drawn, generator: Generator, *, fixed: Generator | None = None) -> Tensor:
    """What the sensor reads of linear `light`: noise, fixed patterns, the mosaic undone; encoded.

    `fixed` draws what is the same in all frames of a sensor, where a clip is made in several parts.
    """
    if not drawn.linear:
        return encoded(light, drawn)
    count, _, height, width = light.shape
    deviation = (light / drawn.full_well + drawn.read_noise**2).sqrt()
    noisy = light + deviation * torch.randn(light.shape, generator=generator)
    pattern = drawn.pattern_noise * drawn.read_noise
    noisy += pattern * torch.randn((1, 1, height, width), generator=fixed or generator)
    noisy += pattern * torch.randn((count, 1, height, 1), generator=generator)
    if drawn.hot_pixels:
        noisy += (torch.rand((1, 3, height, width), generator=fixed or generator) > 0.9995).float()
    return encoded(sensor.demosaic(noisy) if drawn.mosaic else noisy, drawn)


def processed(frames: Tensor, drawn: Drawn, generator: Generator | None, *, size: tuple[int, int]) -> Tensor:
    """The camera's own processing, (T, 3, *size) in 0..1; without a generator nothing random is added."""
    if drawn.noise_is_sharpened:
        frames = with_noise(frames, drawn, generator)
    frames = isp.reduce_noise(frames, sigma_px=drawn.denoise_px, threshold=drawn.denoise_levels / 255)
    frames = isp.reduce_noise_through_time(frames, share=drawn.temporal_share, threshold=0.04)
    frames = isp.sharpen(frames, amount=drawn.sharpen_amount, radius_px=drawn.sharpen_px)
    frames = isp.contrast(frames, drawn.contrast)
    frames = isp.resize(frames, height=size[0], width=size[1], mode="bilinear")
    return frames if drawn.noise_is_sharpened else with_noise(frames, drawn, generator)


def with_noise(frames: Tensor, drawn: Drawn, generator: Generator | None) -> Tensor:
    """Even noise on a finished picture."""
    if generator is None or not drawn.gamma_noise_levels:
        return frames
    shape = (len(frames), 1 if drawn.grey_noise else 3, *frames.shape[-2:])
    return (frames + drawn.gamma_noise_levels / 255 * torch.randn(shape, generator=generator)).clamp(0, 1)
