"""Writing pictures, with all that the file they came from told."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from pipeline.core.errors import SharpcamError
from pipeline.core.files import whole_file
from pipeline.enhance.images.jpeg import strip_rows, write_jpeg
from pipeline.enhance.images.picture import EXIF_IFD, FORMATS, GPS_IFD, ICC_TAG, PREFIX, STRAIGHT, Picture, told_by
from pipeline.enhance.images.png import write_png
from pipeline.enhance.images.read import COLOUR_NUMBERS

QUALITY = 95  # of JPEG and WebP
BEST_QUALITY = 100
QUALITY_MEANS = f"JPEG, WebP: 1 to {BEST_QUALITY}, more is better ({QUALITY}); videos: the codec's rate factor"
LARGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
PNG_ROWS, TIFF_ROWS = 16, 64  # of a strip
DEFLATE = 8  # of a TIFF
XMP_TAG, XMP_KEY = 700, b"XML:com.adobe.xmp" + bytes(5)  # of a TIFF, and of a PNG (not packed, of no language)


def writable(path: Path) -> str:
    """The format of a picture's name. Raises SharpcamError for one that is not written."""
    if path.suffix.lower() not in FORMATS:
        raise SharpcamError(f'"{path.name}" names no format that is written. End it in {", ".join(FORMATS)}.')
    return FORMATS[path.suffix.lower()]


def write_picture(path: Path, picture: Picture, *, quality: int = QUALITY) -> None:
    """Write a picture, in the format of its name; the file is there whole or not at all.

    JPEG and WebP hold 8 bits. Raises SharpcamError where the format cannot hold the picture.
    """
    kind = writable(path)
    if max(picture.size) > LARGEST_SIDE.get(kind, max(picture.size)):
        raise SharpcamError(
            f"{path.name} would be {picture.size[0]}x{picture.size[1]}, and {kind} ends at {LARGEST_SIDE[kind]} "
            "pixels a side. Write PNG or TIFF."
        )
    if kind == "JPEG" and picture.alpha is not None:
        raise SharpcamError(f"{path.name} cannot hold the picture's alpha. Write PNG, WebP or TIFF.")
    if kind != "PNG" and any(name == b"cICP" for name, _ in picture.chunks):
        raise SharpcamError(f"{path.name} cannot hold the picture's colours, which are told by cICP. Write PNG.")
    with whole_file(path) as temporary:
        if kind == "TIFF":
            _write_tiff(temporary, picture)
        elif kind == "PNG":
            exif, chunks = picture.exif.removeprefix(PREFIX), list(picture.chunks)
            numbers = {name for name, _ in chunks} & COLOUR_NUMBERS
            profile = b"" if numbers else picture.fitting_profile  # that is what the numbers tell
            if picture.xmp:
                chunks.append((b"iTXt", XMP_KEY + picture.xmp))
            strips = picture.strips(PNG_ROWS)
            write_png(temporary, strips, size=picture.size, exif=exif, profile=profile, chunks=chunks)
        else:
            told = {"exif": picture.exif, "icc_profile": picture.fitting_profile, "xmp": picture.xmp}
            told = {name: data for name, data in told.items() if data}
            write = _write_webp if kind == "WEBP" else _write_jpeg
            try:
                write(temporary, picture, quality=quality, **told)
            except ValueError as error:
                raise SharpcamError(f"{path.name} cannot be written as {kind} ({error}). Write PNG or TIFF.") from None


def _write_jpeg(file: Path, picture: Picture, **options: Any) -> None:
    strips = (each.in_8_bits().pixels() for each in picture.parts(strip_rows(picture.size[0])))
    write_jpeg(file, strips, size=picture.size, **options)


def _write_webp(file: Path, picture: Picture, **options: Any) -> None:
    encoded = BytesIO()  # Pillow would not say that a disk is full
    Image.fromarray(picture.in_8_bits().pixels()).save(encoded, format="WEBP", **options)
    file.write_bytes(encoded.getbuffer())


def _write_tiff(file: Path, picture: Picture) -> None:
    """A TIFF in deflated strips (TIFF 6.0). Pillow's own has no colours of 16 bits, and fails at a camera's EXIF."""
    lengths = [0] * -(-picture.size[1] // TIFF_ROWS)
    with file.open("wb") as out:
        _tiff_tags(picture, lengths).save(out)
        for index, strip in enumerate(picture.strips(TIFF_ROWS)):
            little = strip.astype(strip.dtype.newbyteorder("<"), copy=False)
            lengths[index] = out.write(zlib.compress(little.tobytes(), 3))
        out.seek(0)
        _tiff_tags(picture, lengths).save(out)  # as long as before, and now they are true


def _tiff_tags(picture: Picture, lengths: list[int]) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The tags of a picture whose strips have those lengths, in bytes, and follow upon them."""
    channels, profile = picture.channels, picture.fitting_profile
    starts = np.cumsum([0, *lengths])[:-1]
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    told = told_by(picture.exif)
    for tag in told:
        tags[tag] = told.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else told[tag]
    built = {
        TiffImagePlugin.IMAGEWIDTH: picture.size[0],
        TiffImagePlugin.IMAGELENGTH: picture.size[1],
        TiffImagePlugin.BITSPERSAMPLE: (8 * picture.colour.itemsize,) * channels,
        TiffImagePlugin.COMPRESSION: DEFLATE,
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 2 if channels > 2 else 1,
        TiffImagePlugin.STRIPOFFSETS: tuple(map(int, starts)),
        TiffImagePlugin.SAMPLESPERPIXEL: channels,
        TiffImagePlugin.ROWSPERSTRIP: TIFF_ROWS,
        TiffImagePlugin.STRIPBYTECOUNTS: tuple(lengths),
        TiffImagePlugin.PLANAR_CONFIGURATION: 1,
    }
    if channels in (2, 4):
        built[TiffImagePlugin.EXTRASAMPLES] = STRAIGHT  # alpha, not multiplied into the colours
    if profile:
        built[ICC_TAG] = profile
    if picture.xmp:
        built[XMP_TAG] = picture.xmp
    tags.tagtype.update({TiffImagePlugin.STRIPOFFSETS: 4, TiffImagePlugin.STRIPBYTECOUNTS: 4, ICC_TAG: 7, XMP_TAG: 1})
    for tag, value in built.items():
        tags[tag] = value
    return tags
