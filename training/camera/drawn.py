"""Cameras and takes whose every setting is fixed, drawn from the ranges of training/camera/cameras.py."""

import math
from dataclasses import dataclass

import torch
from torch import Generator

from training.camera import sensor
from training.camera.cameras import Camera, Range
from training.camera.codecs import Codec

SHORT, LONG = 2, 5  # frames of a clip: where each is by itself, and where others matter (H.264, means through time)
RESAMPLING = ("area", "area", "bicubic", "bilinear")  # how files are made smaller


@dataclass(frozen=True)
class Drawn:
    """A camera whose every setting is fixed."""

    linear: bool
    lens_px: float
    vignette: float
    shutter: float
    mosaic: bool
    full_well: float
    read_noise: float
    pattern_noise: float
    hot_pixels: bool
    gamma_noise_levels: float
    grey_noise: bool  # the noise of a finished picture is the same in all colours
    noise_is_sharpened: bool  # it was there before the sharpening
    drift: float
    bands: float  # of lamps that flicker, as a share of the light
    gamma: float
    exposure: float
    red: float
    blue: float
    denoise_px: float
    denoise_levels: float
    temporal_share: float
    sharpen_amount: float
    sharpen_px: float
    contrast: float
    sensor_scale: float
    resampling: str
    codecs: tuple[Codec, ...]

    @property
    def frames(self) -> int:
        """How many frames a clip needs so that the last one is like those of a long one."""
        return LONG if self.temporal_share or any(codec.kind == "h264" for codec in self.codecs) else SHORT


@dataclass(frozen=True)
class Take:
    """A scene and how the camera moves over it; px are pixels of the file's picture."""

    softness_px: float
    defocus_px: float
    zoom: float  # scene pixels per pixel of the file
    angle_rad: float
    shift: tuple[float, float]  # of the camera's axis from the scene's middle, scene pixels
    speed: tuple[float, float]  # px per frame
    mover_px: float  # radius of something in front of the background; 0: nothing
    mover_speed: tuple[float, float]


class Dice:
    """Draws from one generator."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def share(self) -> float:
        return float(torch.rand(1, generator=self.generator))

    def chance(self, share: float) -> bool:
        return self.share() < share

    def even(self, span: Range) -> float:
        return span[0] + (span[1] - span[0]) * self.share()

    def logarithmic(self, span: Range) -> float:
        return float(span[0] * (span[1] / span[0]) ** self.share())

    def way(self, length: Range) -> tuple[float, float]:
        """A vector of such a length in any direction."""
        far, heading = self.even(length), self.even((0, 2 * math.pi))
        return far * math.cos(heading), far * math.sin(heading)


def draw_camera(camera: Camera, generator: Generator) -> Drawn:
    """Fix every setting of a camera of that kind."""
    dice = Dice(generator)
    linear, noiseless = dice.chance(camera.linear), dice.chance(camera.noiseless)
    colours = linear and camera.drift[1] > 0  # files keep those of the photograph
    sharpened, denoised = dice.chance(camera.sharpen), dice.chance(camera.denoise)
    return Drawn(
        linear=linear,
        lens_px=dice.even(camera.lens_px),
        vignette=dice.even(camera.vignette) if colours else 0.0,
        shutter=dice.even(camera.shutter),
        mosaic=linear and dice.chance(camera.mosaic),
        full_well=math.inf if noiseless else dice.logarithmic(camera.full_well),
        read_noise=0.0 if noiseless else dice.logarithmic(camera.read_noise),
        pattern_noise=dice.even(camera.pattern_noise),
        hot_pixels=dice.chance(camera.hot_pixels),
        gamma_noise_levels=0.0 if noiseless else dice.even(camera.gamma_noise_levels),
        grey_noise=dice.chance(0.25),
        noise_is_sharpened=dice.chance(0.3),
        drift=dice.even(camera.drift),
        gamma=dice.even((1.9, 2.4)) if colours else sensor.SCENE_GAMMA,
        exposure=dice.even((0.75, 1.15)) if colours else 1.0,
        red=dice.even((0.88, 1.14)) if colours else 1.0,
        blue=dice.even((0.84, 1.14)) if colours else 1.0,
        denoise_px=dice.even(camera.denoise_px),
        denoise_levels=dice.even(camera.denoise_levels) if denoised else 0.0,
        temporal_share=dice.even(camera.temporal_share) if dice.chance(camera.temporal) else 0.0,
        sharpen_amount=dice.even(camera.sharpen_amount) if sharpened else 0.0,
        sharpen_px=dice.even(camera.sharpen_px),
        contrast=dice.even(camera.contrast),
        sensor_scale=dice.even(camera.scale_range) if dice.chance(camera.scale) else 1.0,
        resampling=RESAMPLING[int(dice.share() * len(RESAMPLING))],
        codecs=tuple(draw_codec(camera, dice) for _ in range(1 + dice.chance(camera.again))),
        bands=dice.even(camera.bands) if colours and dice.chance(camera.mains) else 0.0,
    )


def draw_codec(camera: Camera, dice: Dice) -> Codec:
    """One generation of a file of that camera."""
    if dice.chance(camera.uncompressed):
        return Codec("none")
    if dice.chance(camera.jpeg):
        sampling = "4:2:2" if dice.chance(0.3) else "4:2:0"
        return Codec("jpeg", round(dice.even(camera.jpeg_quality)), sampling)
    return Codec("h264", round(dice.even(camera.h264_crf), 1))


def draw_take(camera: Camera, drawn: Drawn, generator: Generator) -> Take:
    """A scene's softness and the motion over it."""
    dice = Dice(generator)
    exact = not drawn.linear or camera.drift[1] == 0  # a file that was made smaller: its truth is the photograph itself
    moving = dice.chance(camera.moving)
    return Take(
        softness_px=dice.even(camera.softness_px) if dice.chance(camera.soft_scene) else 0.0,
        defocus_px=dice.even(camera.defocus_px) if dice.chance(camera.defocus) else 0.0,
        zoom=2.0 if exact else dice.even((2.0, 2.7)),
        angle_rad=0.0 if exact else dice.even((-0.1, 0.1)),
        shift=(0.0, 0.0) if exact else (dice.share(), dice.share()),
        speed=dice.way(camera.speed_px) if moving else (0.0, 0.0),
        mover_px=dice.even((10, 40)) if not moving and dice.chance(camera.mover) else 0.0,
        mover_speed=dice.way((0.5, 6.0)),
    )
