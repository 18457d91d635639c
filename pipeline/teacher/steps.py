"""The steps of a teacher's chain that need no network, and the table of all steps."""

from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat

from pipeline.core.geometry import KERNELS, crop, crop_box
from pipeline.core.params import GeometryParams
from pipeline.student.calm import DEFINITION
from pipeline.student.dials import Share
from pipeline.teacher.network_steps import NafnetDeblur, NafnetDenoise, Nafssr, RealEsrgan, Restorer
from pipeline.teacher.step import Picture, Size, Step

Odd = Annotated[int, Field(ge=3, le=31, multiple_of=1)]


WINDOW, AHEAD = 48, 16  # frames that are fused at a time, and those behind them that the last of these see


class Steady(Step, frozen=True):
    """Fuse each frame with its neighbours, as far as nothing moves; only the first step of a chain can know them.

    A lone picture has none and stays as it is: clips are fused before their first frame comes here.
    """

    calm: Share = 1.0  # 0: frames stay as they are

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        del geometry
        return picture

    def provenance(self) -> dict[str, Any]:
        return {"definition": DEFINITION, "window": [WINDOW, AHEAD]}


class Crop(Step, frozen=True):
    """Cut the frame to the target's shape, as the geometry says."""

    keeps_view: ClassVar[bool] = False

    def size_after(self, size: Size, *, geometry: GeometryParams) -> Size:
        box = crop_box(*size, geometry=geometry)
        return box.width, box.height

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        return np.ascontiguousarray(crop(picture, geometry=geometry))


class Resize(Step, frozen=True):
    """Bring the picture to the target size: by `kernel` where it grows, by a smoothed `kernel` where it shrinks."""

    kernel: Literal["lanczos", "bicubic"] = "lanczos"

    def size_after(self, size: Size, *, geometry: GeometryParams) -> Size:
        del size
        return geometry.target

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        width, height = geometry.target
        if picture.shape[1] > width or picture.shape[0] > height:
            return shrink(picture, size=geometry.target)
        resized = cv2.resize(picture, geometry.target, interpolation=KERNELS[self.kernel])
        return np.asarray(resized, dtype=np.float32)


def lanczos_weights(source: int, target: int) -> Picture:
    """Rows (target, source) of an antialiased Lanczos-3 kernel; centres at i + 0.5, borders renormalised.

    Turkowski, "Filters for common resampling tasks" (1990).
    """
    stretch = max(1.0, source / target)
    centres = (np.arange(target) + 0.5) * source / target
    distance = (np.arange(source)[None] + 0.5 - centres[:, None]) / stretch
    kernel = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    weights: Picture = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def shrink(picture: Picture, *, size: Size) -> Picture:
    """`picture` at `size` (width, height) through an antialiased Lanczos kernel; OpenCV's own does not antialias."""
    height, width = picture.shape[:2]
    rows = np.tensordot(lanczos_weights(height, size[1]), picture, axes=(1, 0))
    both = np.tensordot(lanczos_weights(width, size[0]), rows, axes=(1, 1))
    return np.ascontiguousarray(both.transpose(1, 0, 2), dtype=np.float32)


class Denoise(Step, frozen=True):
    """Non-local means (Buades et al. 2005) at OpenCV's finest 16 bits; on luma, and on chroma at half its size."""

    luma_strength: PositiveFloat = 3.0  # of 255 levels
    chroma_strength: PositiveFloat = 6.0  # of 255 levels
    patch_px: Odd = 5
    search_px: Odd = 11

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        del geometry
        ycrcb = cv2.cvtColor(np.round(picture.clip(0, 1) * 65535).astype(np.uint16), cv2.COLOR_RGB2YCrCb)
        height, width = picture.shape[:2]
        luma = self._means(ycrcb[..., 0], self.luma_strength)
        half = cv2.resize(ycrcb[..., 1:], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        chroma = cv2.resize(self._means(half, self.chroma_strength), (width, height), interpolation=cv2.INTER_LINEAR)
        rgb = cv2.cvtColor(np.dstack([luma, chroma]), cv2.COLOR_YCrCb2RGB)
        denoised: Picture = rgb.astype(np.float32) / np.float32(65535)
        return denoised

    def _means(self, planes: NDArray[Any], strength: float) -> NDArray[Any]:
        return np.asarray(
            cv2.fastNlMeansDenoising(
                np.ascontiguousarray(planes),
                h=[strength * 257],
                templateWindowSize=self.patch_px,
                searchWindowSize=self.search_px,
                normType=cv2.NORM_L1,
            )
        )


class Unsharp(Step, frozen=True):
    """Unsharp mask: what a Gaussian of `sigma_px` takes away is added `amount` times."""

    sigma_px: PositiveFloat = 1.0
    amount: NonNegativeFloat = 0.5

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        del geometry
        soft = cv2.GaussianBlur(picture, (0, 0), self.sigma_px)
        return np.asarray(picture + self.amount * (picture - soft), dtype=np.float32)


class Sharpen(Step, frozen=True):
    """The untamed 3x3 kernel (-1 … `centre` … -1) of the original system. It multiplies noise: prefer unsharp."""

    centre: float = 9.0

    def run(self, picture: Picture, *, geometry: GeometryParams) -> Picture:
        del geometry
        kernel = np.full((3, 3), -1, np.float32)
        kernel[1, 1] = self.centre
        return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


STEPS: dict[str, type[Step]] = {
    "steady": Steady,
    "crop": Crop,
    "resize": Resize,
    "denoise": Denoise,
    "unsharp": Unsharp,
    "sharpen": Sharpen,
    "nafssr": Nafssr,
    "nafnet_deblur": NafnetDeblur,
    "nafnet_denoise": NafnetDenoise,
    "realesrgan": RealEsrgan,
    "restorer": Restorer,
}
