"""Reading pictures as people have them: PNG, JPEG, WebP, TIFF; 8 or 16 bit, grey, with alpha, EXIF and a profile."""

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.core.frames import MEGAPIXELS
from pipeline.enhance.images.opening import opened
from pipeline.enhance.images.picture import EXIF_IFD, GPS_IFD, ORIENTATION, PREFIX, Picture, told_by, told_by_screen
from pipeline.enhance.images.pixels import (
    as_meant,
    has_16_bits,
    loaded,
    pixels_of_8_bits,
    pixels_of_16_bits,
    with_key,
    without_ink,
)
from pipeline.enhance.images.png import read_chunks
from pipeline.enhance.images.profile import profile_of

COLOUR_NUMBERS, TEXTS = {b"gAMA", b"cHRM", b"sRGB"}, {b"tEXt", b"zTXt", b"iTXt"}  # chunks of a PNG
ENLARGED = 4  # pixels of what is made of one
IN_A_ROW = 3  # pictures: two in the row, and one on its way there
PILLOW_BYTES = 4  # of a pixel of what Pillow writes, in its own copy
TOLD_BY_TIFF = (0x010E, 0x010F, 0x0110, ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)
IPTC_TAG = 0x83BB
TURNED_BACK = {6: 8, 8: 6}  # the others undo themselves


def picture_size(path: Path, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """(width, height) by the file's header. Raises SharpcamError for what is not a picture, or larger than allowed."""
    with opened(path, megapixels=megapixels) as image:
        return image.width, image.height


def enhancing_bytes(path: Path, *, megapixels: float = MEGAPIXELS, compared: bool = False) -> int:
    """The memory that a picture takes while it is doubled and written, about, by the file's header.

    `compared`: two such are written in a row. Raises SharpcamError for what is not a picture, or larger than allowed.
    """
    with opened(path, megapixels=megapixels) as image:
        held = (2 if has_16_bits(image, path) else 1) * (4 if image.has_transparency_data else 3)
        copied = 0 if image.format in ("PNG", "TIFF", "JPEG") else PILLOW_BYTES  # these are written by the strip
        made = IN_A_ROW if compared else 1
        return int(image.width * image.height * (held + made * ENLARGED * (held + copied)))


def read_picture(path: Path, *, megapixels: float = MEGAPIXELS) -> Picture:
    """The picture in a file. Raises SharpcamError for what is broken, or larger than allowed: before it is decoded."""
    with opened(path, megapixels=megapixels) as image:
        is_tiff = image.format == "TIFF"
        exif = _told_by_tiff(image) if is_tiff else image.info.get("exif", b"")
        if exif and not exif.startswith(PREFIX):  # WebP
            exif = PREFIX + exif
        profile, xmp = image.info.get("icc_profile") or b"", _as_bytes(image.info.get("xmp") or b"")
        is_png = image.format == "PNG"
        if has_16_bits(image, path):
            pixels, grey = pixels_of_16_bits(path, page=image.tell()), image.mode.startswith(("I", "L"))
            if is_tiff:
                pixels = as_meant(pixels, image.tag_v2, path)
            elif grey and "transparency" in image.info:
                pixels = with_key(pixels, image.info["transparency"])
        else:
            image = loaded(image, path)
            if image.mode == "CMYK" and profile:
                image, profile = without_ink(image, profile)
            if image.mode == "LAB":
                profile = told_by_screen()  # Pillow makes sRGB of it
            pixels, grey = pixels_of_8_bits(image)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    alpha = np.ascontiguousarray(pixels[..., -1]) if pixels.shape[2] in (2, 4) else None
    colour = pixels[..., :3] if pixels.shape[2] > 2 else np.repeat(pixels[..., :1], 3, axis=2)
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    if is_png:
        found = read_chunks(path, COLOUR_NUMBERS | TEXTS | {b"cICP", b"iCCP"})
        profile = profile or _profile_by_numbers(found)
        chunks = tuple(
            (name, data) for name, several in found.items() for data in several if _is_kept(name, data, found)
        )
    picture = Picture(np.ascontiguousarray(colour), alpha, grey, exif, profile, xmp, chunks)
    return _as_stored(picture) if is_tiff else picture


def _is_kept(name: bytes, data: bytes, found: dict[bytes, list[bytes]]) -> bool:
    """Whether a chunk of a PNG is written again as it is: XMP comes apart, and a profile is more than numbers."""
    if name == b"iCCP":
        return False
    return not data.startswith(b"XML:com.adobe.xmp") and not (name in COLOUR_NUMBERS and b"iCCP" in found)


def _profile_by_numbers(found: dict[bytes, list[bytes]]) -> bytes:
    """The profile that the gamma and the primaries of a PNG make, for formats that know only profiles; else nothing."""
    if b"sRGB" in found or not (b"gAMA" in found or b"cHRM" in found):
        return b""
    gamma = int.from_bytes(found[b"gAMA"][0], "big") / 1e5 if b"gAMA" in found else None
    whole = (
        [int.from_bytes(found[b"cHRM"][0][at : at + 4], "big") for at in range(0, 32, 4)] if b"cHRM" in found else []
    )
    primaries = tuple(number / 1e5 for number in whole)
    return profile_of(gamma or None, primaries if primaries and min(primaries[1::2]) > 0 else None)


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _as_stored(picture: Picture) -> Picture:
    """Both libraries turn the pixels of a TIFF, and of no other file: turn them back."""
    exif = told_by(picture.exif)
    orientation = exif.get(ORIENTATION, 1)
    exif[ORIENTATION] = TURNED_BACK.get(orientation, orientation)
    return replace(replace(picture, exif=exif.tobytes()).upright(), exif=picture.exif, xmp=picture.xmp)


def lost_of(source: Path, target: Path) -> str:
    """What of a picture's file is not in the one that was made of it, in a few words."""
    with opened(source, megapixels=float("inf")) as image:
        is_png = image.format == "PNG" and target.suffix.lower() != ".png"
        lost = {
            "IPTC": 0x0404 in image.info.get("photoshop", {}) or (image.format == "TIFF" and IPTC_TAG in image.tag_v2),
            "texts": is_png and any(_is_kept(b"", data, {}) for data in chain(*read_chunks(source, TEXTS).values())),
            "a comment": bool(image.info.get("comment")),
        }
    return f"left out: {', '.join(name for name in lost if lost[name])}" if any(lost.values()) else ""


def _told_by_tiff(image: Any) -> bytes:
    """What a TIFF tells about its picture, without how its file is built."""
    told, exif = image.getexif(), Image.Exif()
    for tag in TOLD_BY_TIFF:
        if tag in told:
            exif[tag] = told[tag]
    for tag in (EXIF_IFD, GPS_IFD):
        if content := told.get_ifd(tag):
            exif[tag] = content
    return exif.tobytes() if len(exif) else b""
