"""Picture files as people have them: PNG, JPEG, WebP, TIFF; 8 or 16 bit, grey, with alpha, EXIF and colour profile."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin, _imaging

from pipeline.core.errors import SharpcamError
from pipeline.core.files import whole_file
from pipeline.core.geometry import Frame
from pipeline.enhance.png_file import write_png

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
QUALITY = 95  # of JPEG and WebP
LARGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
MEGAPIXELS = 100.0  # a larger picture needs to be allowed
MADE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # the date of every profile that is made here
PREFIX = b"Exif\0\0"
PNG_ROWS, TIFF_ROWS = 16, 64  # of a strip
DEFLATE = 8  # of a TIFF
ENLARGED = 4  # pixels of what is made of one
IN_A_ROW = 3  # pictures: two in the row, and one on its way there
PILLOW_BYTES = 4  # of a pixel of what Pillow writes, in its own copy
PILLOW_BLOCK = 1 << 26  # bytes; glibc keeps smaller ones, such as Pillow's usual 16 MB, when a picture is done
WHITE_IS_ZERO, PLANES, NO_ALPHA, MULTIPLIED, STRAIGHT = 0, 2, 0, 1, 2  # values of a TIFF's tags
ORIENTATION, EXIF_IFD, GPS_IFD, ICC_TAG = 0x0112, 0x8769, 0x8825, 0x8773
TOLD_BY_TIFF = (0x010E, 0x010F, 0x0110, ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)
UPRIGHT = {  # by the EXIF orientation
    2: lambda plane: plane[:, ::-1],
    3: lambda plane: plane[::-1, ::-1],
    4: lambda plane: plane[::-1],
    5: lambda plane: plane.swapaxes(0, 1),
    6: lambda plane: np.rot90(plane, -1),
    7: lambda plane: plane[::-1, ::-1].swapaxes(0, 1),
    8: lambda plane: np.rot90(plane),
}

TURNED_BACK = {6: 8, 8: 6}  # the others undo themselves

_imaging.set_block_size(PILLOW_BLOCK)


@dataclass(frozen=True)
class Picture:
    """The content of a picture's file. Pixels lie as in the file: EXIF tells how they are to be turned."""

    colour: Frame  # (h, w, 3), RGB, uint8 or uint16; where `grey`, all three are the same
    alpha: Frame | None = None  # (h, w), of the same type
    grey: bool = False
    exif: bytes = b""  # with its PREFIX
    profile: bytes = b""  # ICC

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), pixels."""
        return self.colour.shape[1], self.colour.shape[0]

    def upright(self) -> "Picture":
        """The same picture, its pixels turned as its EXIF says."""
        exif = told_by(self.exif)
        turn = UPRIGHT.get(exif.get(ORIENTATION, 1))
        if turn is None:
            return self
        exif[ORIENTATION] = 1
        alpha = None if self.alpha is None else np.ascontiguousarray(turn(self.alpha))
        return replace(self, colour=np.ascontiguousarray(turn(self.colour)), alpha=alpha, exif=exif.tobytes())

    def pixels(self) -> Frame:
        """(h, w) or (h, w, 2..4), as a file holds them. What has 16 bits and alpha is never grey: few would read it."""
        grey = self.grey and (self.alpha is None or self.colour.dtype == np.uint8)
        planes = [cv2.cvtColor(self.colour, cv2.COLOR_RGB2GRAY)] if grey else [self.colour]
        if self.alpha is not None:
            planes.append(self.alpha)
        return np.dstack(planes) if len(planes) > 1 else np.asarray(planes[0])

    def strips(self, rows: int) -> Iterator[Frame]:
        """`pixels` by so many rows: there may be no room for a whole copy."""
        for row in range(0, self.size[1], rows):
            yield self._rows(slice(row, row + rows)).pixels()

    def _rows(self, rows: slice) -> "Picture":
        return replace(self, colour=self.colour[rows], alpha=None if self.alpha is None else self.alpha[rows])

    @property
    def channels(self) -> int:
        """How many of them a file holds."""
        return _channels(self._rows(slice(1)).pixels())

    def in_8_bits(self) -> "Picture":
        """The same picture, rounded."""
        if self.colour.dtype == np.uint8:
            return self
        alpha = None if self.alpha is None else cv2.convertScaleAbs(self.alpha, alpha=1 / 257)
        return replace(self, colour=cv2.convertScaleAbs(self.colour, alpha=1 / 257), alpha=alpha)

    @property
    def fitting_profile(self) -> bytes:
        """The profile, if it is one for what a file holds: of grey, or of RGB (ICC.1, section 7.2.6)."""
        return self.profile if self.profile[16:20] == (b"GRAY" if self.channels < 3 else b"RGB ") else b""


def told_by(exif: bytes) -> Image.Exif:
    """What EXIF tells. Nothing, where it is broken: it is no reason to lose a picture, and is copied as it is."""
    told = Image.Exif()
    try:
        told.load(exif)
        for tag in (EXIF_IFD, GPS_IFD):
            told.get_ifd(tag)
    except Exception:  # of a parser, which raises anything at what is broken
        return Image.Exif()
    return told


def picture_size(path: Path, *, megapixels: float = MEGAPIXELS) -> tuple[int, int]:
    """(width, height) by the file's header. Raises SharpcamError for what is no picture, or larger than allowed."""
    with _opened(path, megapixels=megapixels) as image:
        return image.width, image.height


def enhancing_bytes(path: Path, *, megapixels: float = MEGAPIXELS, compared: bool = False) -> int:
    """The memory that a picture takes while it is doubled and written, about, by the file's header.

    `compared`: two such are written in a row. Raises SharpcamError for what is no picture, or larger than allowed.
    """
    with _opened(path, megapixels=megapixels) as image:
        held = (2 if _has_16_bits(image, path) else 1) * (4 if image.has_transparency_data else 3)
        copied = 0 if image.format in ("PNG", "TIFF") else PILLOW_BYTES  # these are written by the strip
        made = IN_A_ROW if compared else 1
        return int(image.width * image.height * (held + made * ENLARGED * (held + copied)))


def read_picture(path: Path, *, megapixels: float = MEGAPIXELS) -> Picture:
    """The picture in a file. Raises SharpcamError for what is broken, or larger than allowed: before it is decoded."""
    with _opened(path, megapixels=megapixels) as image:
        is_tiff = image.format == "TIFF"
        exif = _told_by_tiff(image) if is_tiff else image.info.get("exif", b"")
        if exif and not exif.startswith(PREFIX):  # WebP
            exif = PREFIX + exif
        profile = image.info.get("icc_profile") or b""
        if _has_16_bits(image, path):
            pixels, grey = _pixels_of_16_bits(path), image.mode.startswith(("I", "L"))
            if is_tiff:
                pixels = _as_meant(pixels, image.tag_v2, path)
            elif grey and "transparency" in image.info:
                pixels = _with_key(pixels, image.info["transparency"])
        else:
            if image.mode == "CMYK" and profile:
                image, profile = _without_ink(image, profile)
            if image.mode == "LAB":
                profile = _told_by_screen()  # Pillow makes sRGB of it
            pixels, grey = _pixels_of_8_bits(image)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    alpha = np.ascontiguousarray(pixels[..., -1]) if pixels.shape[2] in (2, 4) else None
    colour = pixels[..., :3] if pixels.shape[2] > 2 else np.repeat(pixels[..., :1], 3, axis=2)
    picture = Picture(np.ascontiguousarray(colour), alpha, grey, exif, profile)
    return _as_stored(picture) if is_tiff else picture


def _as_stored(picture: Picture) -> Picture:
    """Both libraries turn the pixels of a TIFF, and of no other file: turn them back."""
    exif = told_by(picture.exif)
    orientation = exif.get(ORIENTATION, 1)
    exif[ORIENTATION] = TURNED_BACK.get(orientation, orientation)
    return replace(replace(picture, exif=exif.tobytes()).upright(), exif=picture.exif)


@contextmanager
def _opened(path: Path, *, megapixels: float) -> Iterator[Any]:
    """The file in Pillow; whatever its decoders raise becomes a sentence."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit has a way out
    try:
        with Image.open(path) as opened:
            image: Any = opened
            if image.format not in {*FORMATS.values(), "MPO"}:
                raise SharpcamError(f"{path} is a {image.format} file. Convert it to PNG, JPEG, WebP or TIFF.")
            if image.width * image.height > megapixels * 1e6:
                raise SharpcamError(
                    f"{path} has {image.width * image.height / 1e6:.0f} megapixels and {megapixels:g} are allowed. "
                    "If that is meant, raise --megapixels."
                )
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise SharpcamError(f"{path} holds {image.n_frames} pictures. Save them one by one.")
            yield image
    except SharpcamError:
        raise
    except MemoryError:
        raise SharpcamError(f"There is not enough memory for {path}. Use fewer --jobs.") from None
    except Exception as error:  # of the decoders, which raise anything at what is broken
        if isinstance(error, OSError) and error.errno:
            raise SharpcamError(f"{path} cannot be read ({error.strerror}). Check the file.") from None
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise SharpcamError(f"{path} is no picture that can be read ({reason}). Repair or remove it.") from None


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


def _has_16_bits(image: Any, path: Path) -> bool:
    if image.mode in ("I", "F", "I;32"):
        raise SharpcamError(f"{path} has 32 bits per channel. Convert it to 16.")
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[-1] == 16
    return image.format == "TIFF" and 16 in image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, ())


def _pixels_of_16_bits(path: Path) -> Frame:
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("its pixels")
    return _in_opencv_order(pixels)


def _as_meant(pixels: Frame, tags: Any, path: Path) -> Frame:
    """The pixels of a TIFF of 16 bits by three tags that OpenCV passes over (TIFF 6.0, sections 3, 8 and 18)."""
    channels = _channels(pixels)
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


def _with_key(grey: Frame, key: int) -> Frame:
    """(h, w) as (h, w, 2), with the alpha of a PNG in which one grey is transparent: OpenCV knows that of colours."""
    return np.dstack([grey, np.where(grey == key, 0, np.iinfo(grey.dtype).max).astype(grey.dtype)])


def _channels(pixels: Frame) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def _in_opencv_order(pixels: Frame) -> Frame:
    """Red and blue exchanged."""
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    channels = _channels(pixels)
    return np.asarray(cv2.cvtColor(pixels, codes[channels])) if channels in codes else pixels


def _screen() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _told_by_screen() -> bytes:
    """The profile of sRGB, without the time at which it was made (ICC.1, section 7.2.8): files are to be the same."""
    told = _screen().tobytes()
    return told[:24] + MADE + told[36:]


def _without_ink(image: Any, profile: bytes) -> tuple[Any, bytes]:
    """A CMYK image by its profile as sRGB."""
    own = ImageCms.ImageCmsProfile(BytesIO(profile))
    return ImageCms.profileToProfile(image, own, _screen(), outputMode="RGB"), _told_by_screen()


def _pixels_of_8_bits(image: Any) -> tuple[Frame, bool]:
    grey = image.mode in ("1", "L", "LA", "La")
    kind = ("LA" if grey else "RGBA") if image.has_transparency_data else ("L" if grey else "RGB")
    return np.asarray(image.convert(kind)), grey


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
    with whole_file(path) as temporary:
        if kind == "TIFF":
            _write_tiff(temporary, picture)
        elif kind == "PNG":
            exif, profile = picture.exif.removeprefix(PREFIX), picture.fitting_profile
            write_png(temporary, picture.strips(PNG_ROWS), size=picture.size, exif=exif, profile=profile)
        else:
            options: dict[str, Any] = {"subsampling": 0} if kind == "JPEG" else {}
            told = {"exif": picture.exif, "icc_profile": picture.fitting_profile}
            options |= {name: data for name, data in told.items() if data}
            encoded = BytesIO()  # Pillow would not say that a disk is full
            try:
                Image.fromarray(picture.in_8_bits().pixels()).save(encoded, format=kind, quality=quality, **options)
            except ValueError as error:
                raise SharpcamError(f"{path.name} cannot be written as {kind} ({error}). Write PNG or TIFF.") from None
            temporary.write_bytes(encoded.getbuffer())


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
    tags.tagtype.update({TiffImagePlugin.STRIPOFFSETS: 4, TiffImagePlugin.STRIPBYTECOUNTS: 4, ICC_TAG: 7})
    for tag, value in built.items():
        tags[tag] = value
    return tags
