"""A picture's file in Pillow. What is broken, too large, or of a kind that is not read is refused in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Any

from PIL import Image, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError, _imaging

from pipeline.core.errors import SharpcamError
from pipeline.enhance.images.picture import FORMATS, READ_ONLY

READ = {*FORMATS.values(), *READ_ONLY.values(), "MPO", "DIB"}
NEW_SUBFILE_TYPE, REDUCED, MASK, SAMPLE_FORMAT = 254, 1, 4, 339  # tags of a TIFF, and bits of one
PILLOW_BLOCK = 1 << 26  # bytes; glibc keeps smaller ones, such as Pillow's usual 16 MB, when a picture is done
MOST_TOLD_BYTES = 1 << 26  # of the texts and the profile of a PNG; Pillow's own limit is less than profiles have
_imaging.set_block_size(PILLOW_BLOCK)
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MOST_TOLD_BYTES


@contextmanager
def opened(path: Path, *, megapixels: float) -> Iterator[Any]:
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
        raise SharpcamError(f"{path} is not a picture that can be read (unknown kind). Repair or remove it.") from None
    except Exception as error:  # of the decoders, which raise anything at what is broken
        if isinstance(error, OSError) and error.errno:
            raise SharpcamError(f"{path} cannot be read ({error.strerror}). Check the file.") from None
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise SharpcamError(f"{path} is not a picture that can be read ({reason}). Repair or remove it.") from None


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
