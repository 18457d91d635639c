"""The families of cameras: how a photograph is halved and harmed. To add one: a line in the table FAMILIES.

A to H are those of the project's measurements; sizes are pixels of the halved picture, noise is grey levels of 255.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.geometry import Frame, to_uint8
from pipeline.families.codecs import H264, Codec, Jpeg, Vp9

SEED = 17
SCALE = 2
SHARPENING_PX = 1.0  # standard deviation of what an unsharp mask takes for blur
SMOOTHING_PX = 3.0  # how far a beauty filter looks, a standard deviation
KEYS_A = -0.5  # the bicubic kernel that most programs shrink with (Keys 1981)

Levels = NDArray[np.float32]  # (H, W, 3), RGB, 0..255
Halving = Literal["area", "linear", "bicubic"]


@dataclass(frozen=True)
class Family:
    """A kind of camera: what happens to a photograph, in the order of these fields."""

    halving: Halving = "area"  # area: means over 2x2 in gamma | linear: the same in linear light, as lenses do
    blur_px: float = 0.0  # standard deviation; in the light in which the photograph is halved
    sharpening: float = 0.0  # amount of an unsharp mask, in gamma
    noise: float = 0.0  # standard deviation, of every channel by itself
    smoothing: float = 0.0  # grey levels up to which a bilateral filter takes a difference for noise
    contrast: float = 0.0  # share of an S-shaped curve; the truth goes through it too
    codecs: tuple[Codec, ...] = ()  # one generation after the other
    pan_px: int = 0  # that the camera moves to the right from frame to frame
    held_out: bool = False  # nothing is ever trained on anything like it

    def truth(self, photo: Frame) -> Frame:
        """What a perfect enlargement shows: `photo` (H, W, 3) uint8, through the curve of the camera."""
        return to_uint8(curved(photo.astype(np.float32), share=self.contrast))

    def shot(self, photo: Frame, *, name: str, frames: int, still: bool = False) -> list[Frame]:
        """`frames` frames (h, w, 3) uint8 of half the size of `photo`, whose sides are multiples of 4.

        The last one shows the photograph as it is; before it the camera pans, unless it is to stand `still`. `name`
        decides the noise, which is another one in every frame.
        """
        random = np.random.default_rng([SEED, zlib.crc32(name.encode())])
        steps = [0 if still else SCALE * self.pan_px * (frames - 1 - at) for at in range(frames)]
        return self.film([panned(photo, by_px=step) for step in steps], random)

    def film(self, photos: Sequence[Frame], random: np.random.Generator) -> list[Frame]:
        """Frames (h, w, 3) uint8 of half the size of what the camera saw one after the other."""
        shown = [self._before_codecs(photo, random) for photo in photos]
        for codec in self.codecs:
            shown = codec.apply(shown)
        return shown

    def _before_codecs(self, photo: Frame, random: np.random.Generator) -> Frame:
        small = HALVINGS[self.halving](photo, self.blur_px)
        if self.sharpening:
            small = small + self.sharpening * (small - blurred(small, SHARPENING_PX))
        if self.noise:
            small = small + random.normal(0, self.noise, small.shape).astype(np.float32)
        frame = to_uint8(small)
        if self.smoothing:
            frame = cv2.bilateralFilter(frame, -1, self.smoothing, SMOOTHING_PX)
        return to_uint8(curved(frame.astype(np.float32), share=self.contrast))


def blurred(picture: Levels, sigma_px: float) -> Levels:
    """`picture` through a Gaussian; 0 leaves it as it is."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32) if sigma_px else picture


def panned(photo: Frame, *, by_px: int) -> Frame:
    """What lies `by_px` pixels to the left of `photo`, which is mirrored at its border."""
    if not by_px:
        return photo
    wide = cv2.copyMakeBorder(photo, 0, 0, by_px, 0, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(wide[:, : photo.shape[1]])


def curved(levels: Levels, *, share: float) -> Levels:
    """`levels` with `share` of a smooth step in place of the straight line from black to white."""
    x = levels / 255
    return np.asarray(levels + share * 255 * (x * x * (3 - 2 * x) - x), np.float32)


def half_of_area(photo: Frame, blur_px: float) -> Levels:
    """Means over 2x2 pixels in gamma."""
    return blurred(_area(photo.astype(np.float32)), blur_px)


def half_of_light(photo: Frame, blur_px: float) -> Levels:
    """Means over 2x2 pixels in linear light (sRGB), blurred there as by a lens."""
    return _to_gamma(blurred(_area(_to_light(photo)), blur_px))


def half_of_bicubic(photo: Frame, blur_px: float) -> Levels:
    """Through a bicubic kernel as wide as halving asks for: the pairs of the literature on super-resolution."""
    rows, columns = (bicubic_rows(side) for side in photo.shape[:2])
    half = np.einsum("yY,YXc,xX->yxc", rows, photo.astype(np.float64), columns, optimize=True)
    return blurred(half.astype(np.float32), blur_px)


HALVINGS: dict[str, Callable[[Frame, float], Levels]] = {
    "area": half_of_area,
    "linear": half_of_light,
    "bicubic": half_of_bicubic,
}


def bicubic_rows(side: int) -> NDArray[np.float64]:
    """The matrix (side / 2, side) that halves a row; its rows sum to 1, also at the border."""
    x = np.abs((np.arange(side)[None] + 0.5 - (np.arange(side // SCALE)[:, None] + 0.5) * SCALE) / SCALE)
    near = (KEYS_A + 2) * x**3 - (KEYS_A + 3) * x**2 + 1
    far = KEYS_A * (x**3 - 5 * x**2 + 8 * x - 4)
    kernel = np.where(x < 1, near, np.where(x < 2, far, 0))
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True))


def _area(picture: Levels) -> Levels:
    size = picture.shape[1] // SCALE, picture.shape[0] // SCALE
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _to_light(photo: Frame) -> Levels:
    x = np.arange(256) / 255
    table = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    return table.astype(np.float32)[photo]


def _to_gamma(light: Levels) -> Levels:
    x = light.clip(0, 1)
    return np.asarray(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055), np.float32)


FAMILIES: dict[str, Family] = {
    "clean_area": Family(),
    "clean_bicubic": Family(halving="bicubic"),
    "A_jpeg90": Family(codecs=(Jpeg(90),)),
    "B_h264": Family(codecs=(H264(23),)),
    "C_sharpened": Family(sharpening=0.6, noise=3, codecs=(Jpeg(80),)),
    "D_soft_noisy": Family(blur_px=0.7, noise=6, codecs=(Jpeg(70),)),
    "E_blurred_noisy": Family(blur_px=1.2, noise=10, codecs=(Jpeg(60),)),
    "F_light_jpeg92": Family(halving="linear", codecs=(Jpeg(92),)),
    "G_light_sharpened": Family(halving="linear", blur_px=0.8, sharpening=0.8, noise=4, codecs=(Jpeg(85),)),
    "H_light_h264": Family(halving="linear", blur_px=0.6, noise=8, codecs=(H264(30),)),
    "webcam_mjpeg": Family(halving="linear", blur_px=0.5, sharpening=0.4, noise=3, codecs=(Jpeg(75, "422"),)),
    "call_vp9": Family(
        halving="linear", blur_px=0.6, sharpening=0.3, noise=4, codecs=(H264(24), Vp9(36)), pan_px=1, held_out=True
    ),
    "beauty_phone": Family(
        halving="linear", blur_px=0.4, noise=3, smoothing=24, contrast=0.5, codecs=(Jpeg(88),), held_out=True
    ),
}
