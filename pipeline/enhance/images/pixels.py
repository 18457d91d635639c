"""The pixels of an opened picture, of 8 and of 16 bits, as the file means them."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.enhance.images.picture import (
    MULTIPLIED,
    NO_ALPHA,
    PLANES,
    STRAIGHT,
    WHITE_IS_ZERO,
    channels_of,
    screen_profile,
    told_by_screen,
)

JPEG_END, NO_ZEROS = b"\xff\xd9", 64 * b"\x5a"
DEEP = 65_535  # white in 16 bits
BITS_OF_PNG = 24  # where they stand in its file


def has_16_bits(image: Any, path: Path) -> bool:
    if image.format == "PPM":
        return _largest_of_pnm(path) == DEEP
    if image.mode in ("I", "F", "I;32"):
        raise SharpcamError(f"{path} has 32 bits per channel. Convert it to 16.")
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[-1] == 16
    return image.format == "TIFF" and 16 in image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, ())


def _largest_of_pnm(path: Path) -> int:
    """The number that is white in a PGM or PPM, by its header; 0 for another kind."""
    with path.open("rb") as file:
        words = re.sub(rb"#[^\n]*", b"", file.read(1024)).split(maxsplit=4)
    return int(words[3]) if words[0] in (b"P2", b"P3", b"P5", b"P6") and len(words) > 3 else 0


def pixels_of_16_bits(path: Path, *, page: int) -> Frame:
    data = np.fromfile(path, np.uint8)
    if page:
        pixels = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(page, page + 1))[1][0]
    else:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("its pixels")
    return _in_opencv_order(pixels)


def loaded(image: Any, path: Path) -> Any:
    """The image with its pixels decoded. A JPEG without its end is whole enough where no pixel is missing.

    What is missing is read as zeros, or as whatever follows: only where both are the same picture, nothing is.
    """
    try:
        image.load()
    except OSError:
        if image.format not in ("JPEG", "MPO"):
            raise
        data = path.read_bytes().rstrip(JPEG_END)
        ended = Image.open(BytesIO(data + JPEG_END))
        other = Image.open(BytesIO(data + NO_ZEROS + JPEG_END))
        if not np.array_equal(np.asarray(ended), np.asarray(other)):
            raise
        return ended
    return image


def as_meant(pixels: Frame, tags: Any, path: Path) -> Frame:
    """The pixels of a TIFF of 16 bits by three tags that OpenCV passes over (TIFF 6.0, sections 3, 8 and 18)."""
    channels = channels_of(pixels)
    if channels > 1 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == PLANES:
        raise SharpcamError(f"{path} keeps the planes of its 16-bit colours apart. Save it as interleaved, or as PNG.")
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        return np.iinfo(pixels.dtype).max - pixels
    extra = tags.get(TiffImagePlugin.EXTRASAMPLES, (STRAIGHT,))[0] if channels == 4 else STRAIGHT
    if extra == NO_ALPHA:
        return pixels[..., :3]
    if extra == MULTIPLIED:
        alpha = pixels[..., 3:].astype(np.float32) / np.iinfo(pixels.dtype).max
        straight = pixels[..., :3] / np.maximum(alpha, 1 / np.iinfo(pixels.dtype).max)
        colour = np.rint(straight.clip(0, np.iinfo(pixels.dtype).max)).astype(pixels.dtype)
        return np.concatenate([colour, pixels[..., 3:]], axis=2)
    return pixels


def with_key(grey: Frame, key: int) -> Frame:
    """(h, w) as (h, w, 2), with the alpha of a PNG in which one grey is transparent: OpenCV knows that of colours."""
    return np.dstack([grey, np.where(grey == key, 0, np.iinfo(grey.dtype).max).astype(grey.dtype)])


def _in_opencv_order(pixels: Frame) -> Frame:
    """Red and blue exchanged."""
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    channels = channels_of(pixels)
    return np.asarray(cv2.cvtColor(pixels, codes[channels])) if channels in codes else pixels


def _most(image: Any) -> int:
    """The largest number that a grey PNG holds before Pillow makes 8 bits of it."""
    with Path(image.filename).open("rb") as file:
        file.seek(BITS_OF_PNG)
        return int((1 << file.read(1)[0]) - 1)


def without_ink(image: Any, profile: bytes) -> tuple[Any, bytes]:
    """A CMYK image by its profile as sRGB."""
    own = ImageCms.ImageCmsProfile(BytesIO(profile))
    return ImageCms.profileToProfile(image, own, screen_profile(), outputMode="RGB"), told_by_screen()


def pixels_of_8_bits(image: Any) -> tuple[Frame, bool]:
    grey = image.mode in ("1", "L", "LA", "La")
    if grey and isinstance(key := image.info.pop("transparency", None), int):
        key = key if image.mode == "1" else key * 255 // _most(image)  # of one bit Pillow gives it as 0 or 255
        return with_key(np.asarray(image.convert("L")), key), True
    kind = ("LA" if grey else "RGBA") if image.has_transparency_data else ("L" if grey else "RGB")
    return np.asarray(image.convert(kind)), grey
