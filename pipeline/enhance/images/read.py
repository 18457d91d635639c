"""Reading pictures as people have them: PNG, JPEG, WebP, TIFF; 8 or 16 bit, grey, with alpha, EXIF and a profile."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError, _imaging

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import MEGAPIXELS
from pipeline.core.geometry import Frame
from pipeline.enhance.images.picture import (
    EXIF_IFD,
    FORMATS,
    GPS_IFD,
    MULTIPLIED,
    NO_ALPHA,
    ORIENTATION,
    PLANES,
    PREFIX,
    READ_ONLY,
    STRAIGHT,
    WHITE_IS_ZERO,
    Picture,
    channels_of,
    screen_profile,
    told_by,
    told_by_screen,
)
from pipeline.enhance.images.png import read_chunks
from pipeline.enhance.images.profile import profile_of

COLOUR_NUMBERS, TEXTS = {b"gAMA", b"cHRM", b"sRGB"}, {b"tEXt", b"zTXt", b"iTXt"}  # chunks of a PNG
READ = {*FORMATS.values(), *READ_ONLY.values(), "MPO", "DIB"}
ENLARGED = 4  # pixels of what is made of one
IN_A_ROW = 3  # pictures: two in the row, and one on its way there
PILLOW_BYTES = 4  # of a pixel of what Pillow writes, in its own copy
PILLOW_BLOCK = 1 << 26  # bytes; glibc keeps smaller ones, such as Pillow's usual 16 MB, when a picture is done
TOLD_BY_TIFF = (0x010E, 0x010F, 0x0110, ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)
JPEG_END, NO_ZEROS = b"\xff\xd9", 64 * b"\x5a"
DEEP = 65_535  # white in 16 bits
NEW_SUBFILE_TYPE, REDUCED, MASK, SAMPLE_FORMAT = 254, 1, 4, 339  # tags of a TIFF, and bits of one
IPTC_TAG = 0x83BB
BITS_OF_PNG = 24  # where they stand in its file
MOST_TOLD_BYTES = 1 << 26  # of the texts and the profile of a PNG; Pillow's own limit is less than profiles have
TURNED_BACK = {6: 8, 8: 6}  # the others undo themselves
_imaging.set_block_size(PILLOW_BLOCK)
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MOST_TOLD_BYTES


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
        copied = 0 if image.format in ("PNG", "TIFF", "JPEG") else PILLOW_BYTES  # these are written by the strip
        made = IN_A_ROW if compared else 1
        return int(image.width * image.height * (held + made * ENLARGED * (held + copied)))


def read_picture(path: Path, *, megapixels: float = MEGAPIXELS) -> Picture:
    """The picture in a file. Raises SharpcamError for what is broken, or larger than allowed: before it is decoded."""
    with _opened(path, megapixels=megapixels) as image:
        is_tiff = image.format == "TIFF"
        exif = _told_by_tiff(image) if is_tiff else image.info.get("exif", b"")
        if exif and not exif.startswith(PREFIX):  # WebP
            exif = PREFIX + exif
        profile, xmp = image.info.get("icc_profile") or b"", _as_bytes(image.info.get("xmp") or b"")
        is_png = image.format == "PNG"
        if _has_16_bits(image, path):
            pixels, grey = _pixels_of_16_bits(path, page=image.tell()), image.mode.startswith(("I", "L"))
            if is_tiff:
                pixels = _as_meant(pixels, image.tag_v2, path)
            elif grey and "transparency" in image.info:
                pixels = _with_key(pixels, image.info["transparency"])
        else:
            image = _loaded(image, path)
            if image.mode == "CMYK" and profile:
                image, profile = _without_ink(image, profile)
            if image.mode == "LAB":
                profile = told_by_screen()  # Pillow makes sRGB of it
            pixels, grey = _pixels_of_8_bits(image)
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
    with _opened(source, megapixels=float("inf")) as image:
        is_png = image.format == "PNG" and target.suffix.lower() != ".png"
        lost = {
            "IPTC": 0x0404 in image.info.get("photoshop", {}) or (image.format == "TIFF" and IPTC_TAG in image.tag_v2),
            "texts": is_png and any(_is_kept(b"", data, {}) for data in chain(*read_chunks(source, TEXTS).values())),
            "a comment": bool(image.info.get("comment")),
        }
    return f"left out: {', '.join(name for name in lost if lost[name])}" if any(lost.values()) else ""


@contextmanager
def _opened(path: Path, *, megapixels: float) -> Iterator[Any]:
    """The file in Pillow; whatever its decoders raise becomes a sentence."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit has a way out
    try:
        with Image.open(path) as opened:
            image: Any = opened
            _check(image, path, megapixels=megapixels)
            yield image
    except SharpcamError:
        raise
    except MemoryError:
        raise SharpcamError(f"There is not enough memory for {path}. Scale it down, or use fewer --jobs.") from None
    except UnidentifiedImageError:
        _refuse_numbers(_tags_of(path), path)
        raise SharpcamError(f"{path} is no picture that can be read (unknown kind). Repair or remove it.") from None
    except Exception as error:  # of the decoders, which raise anything at what is broken
        if isinstance(error, OSError) and error.errno:
            raise SharpcamError(f"{path} cannot be read ({error.strerror}). Check the file.") from None
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise SharpcamError(f"{path} is no picture that can be read ({reason}). Repair or remove it.") from None


def _check(image: Any, path: Path, *, megapixels: float) -> None:
    """Raise SharpcamError for a file whose pixels are not to be decoded."""
    if image.format not in READ:
        raise SharpcamError(f"{path} is a {image.format} file. Convert it to PNG, JPEG, WebP or TIFF.")
    if image.width * image.height > megapixels * 1e6:
        raise SharpcamError(
            f"{path} has {image.width * image.height / 1e6:.0f} megapixels and {megapixels:.10g} are allowed. "
            "Scale it down, or raise --megapixels where there is memory for it."
        )
    _refuse_several(image, path)
    if image.format == "TIFF":
        _refuse_numbers(image.tag_v2, path)


def _refuse_several(image: Any, path: Path) -> None:
    """Raise SharpcamError for an animation, and for a TIFF of several pages. One of one page is left at that."""
    count = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        pages = [page for page in range(count) if not _is_thumbnail(image, page)] or [0]
        image.seek(pages[0])
        count = len(pages)
    if count == 1 or image.format == "MPO":  # whose other pictures are views and previews of the first
        return
    kind, option = ("pages", "") if image.format == "TIFF" else ("an animation", "-coalesce ")
    raise SharpcamError(
        f"{path} holds {count} pictures ({kind}), and one is taken. Take them apart, for example with: "
        f"magick {quote(path.name)} {option}{quote(path.stem)}-%03d.png"
    )


def _is_thumbnail(image: Any, page: int) -> bool:
    """Whether a page of a TIFF is a smaller form of another, or its mask (TIFF 6.0, section 8: NewSubfileType)."""
    image.seek(page)
    return bool(image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & (REDUCED | MASK))


def _refuse_numbers(tags: Any, path: Path) -> None:
    """Raise SharpcamError for a TIFF whose numbers no library here reads as what they are."""
    meaning = {2: "signed whole numbers", 3: "floating-point numbers"}.get(tags.get(SAMPLE_FORMAT, (1,))[0], "")
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    inks = {5: "CMYK", 8: "Lab", 9: "Lab"}.get(tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 1), "")
    if meaning or bits > 16 or (bits > 8 and inks):
        held = f"{bits} bits per channel ({' '.join(filter(None, (inks, meaning or 'whole numbers')))})"
        raise SharpcamError(
            f"{path} is whole, but has {held}; 8 and 16 bits of grey or RGB are read. Convert it, for example with: "
            f"magick {quote(path.name)} -colorspace sRGB -depth 16 -define quantum:format=unsigned "
            f"{quote(path.stem)}-16.tif"
        )


def _tags_of(path: Path) -> Any:
    """The first tags of a TIFF that Pillow does not know; none of another file, and of a broken one."""
    with path.open("rb") as file, suppress(Exception):  # of a parser, which raises anything at what is broken
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        tags.get(TiffImagePlugin.BITSPERSAMPLE)
        return dict(tags)
    return {}


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


def _pixels_of_16_bits(path: Path, *, page: int) -> Frame:
    data = np.fromfile(path, np.uint8)
    if page:
        pixels = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(page, page + 1))[1][0]
    else:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("its pixels")
    return _in_opencv_order(pixels)


def _loaded(image: Any, path: Path) -> Any:
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


def _as_meant(pixels: Frame, tags: Any, path: Path) -> Frame:
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


def _with_key(grey: Frame, key: int) -> Frame:
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


def _without_ink(image: Any, profile: bytes) -> tuple[Any, bytes]:
    """A CMYK image by its profile as sRGB."""
    own = ImageCms.ImageCmsProfile(BytesIO(profile))
    return ImageCms.profileToProfile(image, own, screen_profile(), outputMode="RGB"), told_by_screen()


def _pixels_of_8_bits(image: Any) -> tuple[Frame, bool]:
    grey = image.mode in ("1", "L", "LA", "La")
    if grey and isinstance(key := image.info.pop("transparency", None), int):
        key = key if image.mode == "1" else key * 255 // _most(image)  # of one bit Pillow gives it as 0 or 255
        return _with_key(np.asarray(image.convert("L")), key), True
    kind = ("LA" if grey else "RGBA") if image.has_transparency_data else ("L" if grey else "RGB")
    return np.asarray(image.convert(kind)), grey
