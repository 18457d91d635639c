"""Pictures come back as they were, with all that their files tell; what is none is said in a sentence."""

import struct
import time
import tracemalloc
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from making import photo
from pictured import EXIF_IFD, MAKER, ORIENTATION, TAKEN, exif, picture, profile, tiff
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from pipeline.core.errors import SharpcamError
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.png import write_png
from pipeline.enhance.images.read import enhancing_bytes, picture_size, read_picture
from pipeline.enhance.images.write import write_picture

LOSSLESS = (".png", ".tiff")


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_lossless_pictures_come_back_with_all_they_tell(tmp_path, suffix, kind, alpha, grey):
    given = picture(kind, alpha=alpha, grey=grey, exif=exif(), profile=b"" if grey else profile())
    write_picture(tmp_path / f"a{suffix}", given)
    found = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(found.colour, given.colour)
    assert found.colour.dtype == kind
    assert (found.alpha is not None) == alpha
    if alpha:
        np.testing.assert_array_equal(found.alpha, given.alpha)
    assert found.profile == given.profile
    told = Image.Exif()
    told.load(found.exif)
    assert (told[MAKER], told[ORIENTATION]) == ("Maker", 6)
    assert told.get_ifd(EXIF_IFD) == {TAKEN: "2020:01:02 03:04:05"}


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_no_copy_of_a_large_picture_is_made_to_write_it(tmp_path, suffix, kind, grey):
    tile = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (100, 100, 3), kind)  # nothing of it can be packed
    colour = np.tile(tile[..., :1].repeat(3, axis=2) if grey else tile, (20, 10, 1))
    given = Picture(colour, colour[..., 1].copy(), grey)
    tracemalloc.start()
    write_picture(tmp_path / f"a{suffix}", given)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < given.colour.nbytes / 3
    found = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(found.colour, given.colour)
    np.testing.assert_array_equal(found.alpha, given.alpha)


def test_what_a_picture_takes_goes_by_its_bits_and_channels(tmp_path):
    for name, given in (("a.png", picture()), ("b.png", picture(alpha=True)), ("c.tif", picture(np.uint16))):
        write_picture(tmp_path / name, given)
    opaque, alpha, deep = (enhancing_bytes(tmp_path / name) for name in ("a.png", "b.png", "c.tif"))
    assert 5 * picture().colour.nbytes == opaque < alpha < deep


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_others_come_back_nearly_the_same(tmp_path, suffix):
    given = picture(exif=exif(), profile=profile())
    write_picture(tmp_path / f"a{suffix}", given, quality=100)
    found = read_picture(tmp_path / f"a{suffix}")
    assert np.abs(found.colour.astype(int) - given.colour).mean() < 6
    assert (found.exif, found.profile) == (given.exif, given.profile)


def test_what_opencv_and_pillow_read_of_a_written_tiff_is_the_picture(tmp_path):
    given = picture(np.uint16)
    write_picture(tmp_path / "a.tif", given)
    read = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read[..., ::-1], given.colour)
    write_picture(tmp_path / "b.tif", picture(alpha=True))
    with Image.open(tmp_path / "b.tif") as image:
        np.testing.assert_array_equal(np.asarray(image)[..., :3], picture().colour)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (16, 5), (33, 21)], ids=str)
def test_what_opencv_and_pillow_read_of_a_written_png_is_the_picture(tmp_path, kind, alpha, size):
    colour = photo(*size).astype(kind) * (np.iinfo(kind).max // 255)
    colour[0, 0], colour[-1, -1] = np.iinfo(kind).max, 0  # differences go round
    given = Picture(colour, colour[..., 1].copy() if alpha else None, profile=profile())
    write_picture(tmp_path / "a.png", given)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read[..., 2::-1], given.colour)
    assert read.shape[2] == (4 if alpha else 3)
    with Image.open(tmp_path / "a.png") as image:
        image.load()  # raises where a checksum is wrong
        assert image.info == {"icc_profile": profile()}


def test_a_picture_in_lab_comes_with_the_profile_of_what_it_became(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb, wanted = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    shown = Image.fromarray(photo(20, 30))
    ImageCms.profileToProfile(shown, srgb, wanted, outputMode="LAB").save(tmp_path / "a.tif", icc_profile=lab)
    found = read_picture(tmp_path / "a.tif")
    assert np.abs(found.colour.astype(int) - np.asarray(shown)).mean() < 3
    assert ImageCms.getProfileDescription(BytesIO(found.profile)).startswith("sRGB")


@pytest.mark.parametrize("space", [b"Lab ", b"CMYK", b"GRAY"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_a_profile_of_other_channels_than_the_file_has_is_left_out(tmp_path, suffix, space):
    other = profile()[:16] + space + profile()[20:]
    write_picture(tmp_path / f"a{suffix}", picture(profile=other))
    assert read_picture(tmp_path / f"a{suffix}").profile == b""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_upright_is_how_pillow_shows_it(tmp_path, orientation, suffix):
    from PIL import ImageOps

    stored = picture(exif=exif(orientation))
    write_picture(tmp_path / f"a{suffix}", stored)
    found = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(found.colour, stored.colour)
    shown = ImageOps.exif_transpose(Image.fromarray(stored.colour), in_place=False)
    reference = Image.fromarray(stored.colour)
    reference.getexif()[ORIENTATION] = orientation
    shown = ImageOps.exif_transpose(reference)
    np.testing.assert_array_equal(found.upright().colour, np.asarray(shown))
    told = Image.Exif()
    told.load(found.upright().exif)
    assert told.get(ORIENTATION) == 1


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "LA", "RGBA", "L", "YCbCr"])
def test_other_kinds_of_pixels_become_these(tmp_path, mode):
    file = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    Image.fromarray(photo(20, 30)).convert(mode).save(file)
    found = read_picture(file)
    assert found.size == (30, 20)
    assert found.grey == (mode in ("1", "L", "LA"))
    assert (found.alpha is not None) == (mode in ("LA", "RGBA"))


@pytest.mark.parametrize("deep", [False, True])
def test_the_grey_that_a_png_calls_transparent_is_its_alpha(tmp_path, deep):
    grey = photo(20, 30)[..., 0].astype(np.uint16 if deep else np.uint8) * (257 if deep else 1)
    grey[:5] = 7
    Image.fromarray(grey).save(tmp_path / "a.png", transparency=7)
    found = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(found.alpha, np.where(grey == 7, 0, np.iinfo(grey.dtype).max))
    np.testing.assert_array_equal(found.colour[..., 0], grey)


def test_deep_grey_with_alpha_is_read(tmp_path):
    pixels = photo(20, 30)[..., :2].astype(np.uint16) * 257
    write_png(tmp_path / "a.png", iter([pixels]), size=(30, 20), exif=b"", profile=b"")
    found = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(found.alpha, pixels[..., 1])
    np.testing.assert_array_equal(found.colour, np.repeat(pixels[..., :1], 3, axis=2))


def test_the_profile_that_a_picture_gets_knows_no_clock(tmp_path):
    Image.fromarray(photo(20, 30)).convert("LAB").save(tmp_path / "a.tif")
    first = read_picture(tmp_path / "a.tif").profile
    time.sleep(1.1)  # a profile tells when it was made, in seconds
    assert read_picture(tmp_path / "a.tif").profile == first
    assert ImageCms.getProfileName(BytesIO(first)).startswith("sRGB")


def bomb(path: Path) -> Path:
    """A PNG whose header claims 25000 x 20000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 25_000, 20_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))))
    return path


def test_a_bomb_is_refused_by_its_header_and_the_option_lifts_that(tmp_path):
    file = bomb(tmp_path / "a.png")
    for read in (read_picture, picture_size):
        with pytest.raises(SharpcamError, match=r"has 500 megapixels and 100 are allowed.*raise --megapixels"):
            read(file)
    assert picture_size(file, megapixels=501) == (25_000, 20_000)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_what_is_broken_is_said_in_a_sentence(tmp_path, name):
    file = tmp_path / name
    write_picture(file, picture())
    whole = file.read_bytes()
    for data in (b"", b"no picture at all", whole[: len(whole) // 2]):
        file.write_bytes(data)
        with pytest.raises(SharpcamError, match=r"is not a picture that can be read .*\. Repair or remove it\."):
            read_picture(file)


@pytest.mark.parametrize("told", [b"garbage", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\x05\0\x12\x01"], ids=range(3))
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_costs_no_picture(tmp_path, told):
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.png", exif=b"Exif\0\0" + told)
    found = read_picture(tmp_path / "a.png")
    assert found.upright().size == (30, 20)
    for name in ("b.tif", "b.jpg", "b.webp", "b.png"):
        write_picture(tmp_path / name, found)
        assert read_picture(tmp_path / name).size == (30, 20)


PHOTOMETRIC, PLANAR, EXTRA = 262, 284, 338


def test_deep_tiffs_are_read_as_their_tags_mean_them(tmp_path):
    given = picture(np.uint16, alpha=True)
    assert read_picture(tiff(tmp_path / "a.tif", given, EXTRA, 2, 0)).alpha is None
    multiplied = np.rint(given.colour * (given.alpha / 65535)[..., None]).astype(np.uint16)
    found = read_picture(tiff(tmp_path / "b.tif", replace(given, colour=multiplied), EXTRA, 2, 1))
    np.testing.assert_allclose(found.colour, given.colour, atol=40)
    grey = np.repeat(given.colour[..., :1], 3, axis=2)
    white_is_zero = tiff(tmp_path / "c.tif", Picture(65535 - grey, grey=True), PHOTOMETRIC, 1, 0)
    np.testing.assert_array_equal(read_picture(white_is_zero).colour, grey)
    with pytest.raises(SharpcamError, match="Save it as interleaved"):
        read_picture(tiff(tmp_path / "d.tif", given, PLANAR, 1, 2))


def test_what_is_no_single_picture_of_these_formats_is_refused(tmp_path):
    frames = [Image.fromarray(photo(20, 30, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(SharpcamError, match="holds 3 pictures"):
        read_picture(tmp_path / "a.webp")
    frames[0].save(tmp_path / "b.png", format="PCX")
    with pytest.raises(SharpcamError, match="is a PCX file"):
        read_picture(tmp_path / "b.png")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "c.tiff")
    with pytest.raises(SharpcamError, match="32 bits"):
        read_picture(tmp_path / "c.tiff")


def test_what_a_format_cannot_hold_is_not_written(tmp_path):
    with pytest.raises(SharpcamError, match=r"alpha. Write PNG"):
        write_picture(tmp_path / "a.jpg", picture(alpha=True))
    with pytest.raises(SharpcamError, match=r"WEBP ends at 16383"):
        write_picture(tmp_path / "a.webp", Picture(np.zeros((2, 16_400, 3), np.uint8)))
    with pytest.raises(SharpcamError, match=r"names no format that is written"):
        write_picture(tmp_path / "a.bmp", picture())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_is_whole_as_long_as_no_pixel_is_missing(tmp_path, progressive):
    Image.fromarray(photo(60, 80)).save(tmp_path / "whole.jpg", quality=95, progressive=progressive)
    whole = (tmp_path / "whole.jpg").read_bytes()
    reference = read_picture(tmp_path / "whole.jpg").colour
    for less in (1, 2):
        (tmp_path / "a.jpg").write_bytes(whole[:-less])
        np.testing.assert_array_equal(read_picture(tmp_path / "a.jpg").colour, reference)
    for less in (30, len(whole) // 2):
        (tmp_path / "a.jpg").write_bytes(whole[:-less])
        with pytest.raises(SharpcamError, match="is not a picture that can be read"):
            read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("which", ["first", "last"])
def test_the_transparent_grey_of_a_png_of_few_bits_is_its_alpha(tmp_path, bits, which):
    most = (1 << bits) - 1
    key = 0 if which == "first" else most
    levels = np.random.default_rng(bits).integers(0, most + 1, (16, 16)).astype(np.uint8)
    packed = np.packbits(np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].reshape(16, -1), axis=1)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", 16, 16, bits, 0, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"tRNS", struct.pack(">H", key)), chunk(b"IDAT", zlib.compress(rows))]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b""))
    found = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(found.alpha, np.where(levels == key, 0, 255))
    np.testing.assert_array_equal(found.colour[..., 0], levels.astype(int) * 255 // most)


def test_colours_under_alpha_are_those_of_what_is_visible_nearby():
    colour, alpha = photo(61, 83), np.zeros((61, 83), np.uint8)
    alpha[10:30, 20:50] = 7
    spread = Picture(colour, alpha).spread().colour
    np.testing.assert_array_equal(spread[alpha > 0], colour[alpha > 0])
    white = np.where(alpha[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    assert (Picture(white, alpha).spread().colour == 255).all()
    halves = white.copy()
    halves[:, 35:] //= 2
    assert (Picture(halves, alpha).spread().colour[20, :15] == 255).all()
    assert (Picture(halves, alpha).spread().colour[20, 50:60] < 140).all()
    assert Picture(colour, alpha * 0).spread().colour is colour


def test_long_texts_and_profiles_are_no_damage(tmp_path):
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "word " * 1_000_000, zip=True)
    large = profile() + bytes(3_000_000)
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.png", pnginfo=told, icc_profile=large)
    assert read_picture(tmp_path / "a.png").profile == large


def odd_tiff(path: Path, pixels: np.ndarray, *, photometric: int, kind: int) -> Path:
    """A TIFF of one strip of numbers of that kind (TIFF 6.0, SampleFormat)."""
    channels = pixels.shape[2]
    bits = 8 * pixels.itemsize
    entries = [(256, 4, 1, pixels.shape[1]), (257, 4, 1, pixels.shape[0]), (259, 3, 1, 1), (262, 3, 1, photometric)]
    entries += [(273, 4, 1, 1000), (277, 3, 1, channels), (278, 4, 1, pixels.shape[0]), (279, 4, 1, pixels.nbytes)]
    arrays = {258: [bits] * channels, 339: [kind] * channels}
    for number, tag in enumerate(arrays):
        entries.append((tag, 3, channels, 800 + 20 * number))
    data = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    data += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries)) + bytes(4)
    for number, values in enumerate(arrays.values()):
        data = data.ljust(800 + 20 * number, b"\0") + struct.pack(f"<{channels}H", *values)
    path.write_bytes(data.ljust(1000, b"\0") + pixels.tobytes())
    return path


@pytest.mark.parametrize(
    ("pixels", "photometric", "kind", "words"),
    [
        (np.ones((4, 4, 3), np.float32), 2, 3, r"32 bits per channel \(floating-point numbers\)"),
        (np.ones((4, 4, 3), np.int16), 2, 2, r"16 bits per channel \(signed whole numbers\)"),
        (np.ones((4, 4, 3), np.uint16), 8, 1, r"16 bits per channel \(Lab whole numbers\)"),
        (np.ones((4, 4, 4), np.uint16), 5, 1, r"16 bits per channel \(CMYK whole numbers\)"),
    ],
    ids=["float", "signed", "Lab", "CMYK"],
)
def test_a_tiff_of_numbers_that_are_not_read_is_no_damage(tmp_path, pixels, photometric, kind, words):
    file = odd_tiff(tmp_path / "a.tif", pixels, photometric=photometric, kind=kind)
    for read in (read_picture, picture_size):
        with pytest.raises(SharpcamError, match=rf"is whole, but has {words}.*magick a\.tif"):
            read(file)


@pytest.mark.parametrize("first", ["thumbnail", "picture"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_thumbnail_is_no_second_picture(tmp_path, first, deep):
    pages = [photo(20, 30), photo(5, 8)] if first == "picture" else [photo(5, 8), photo(20, 30)]
    images = [
        Image.fromarray(page[..., 0].astype(np.uint16) * 257) if deep else Image.fromarray(page) for page in pages
    ]
    with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / "a.tif"), new=True) as out:
        for image in images:
            image.save(out, format="TIFF", tiffinfo={254: 1 if image.width == 8 else 0})
            out.newFrame()
    found = read_picture(tmp_path / "a.tif")
    assert found.size == (30, 20)
    np.testing.assert_array_equal(found.colour[..., 0], photo(20, 30)[..., 0].astype(int) * (257 if deep else 1))
    for image in images:
        image.encoderinfo = {}
    images[0].save(tmp_path / "b.tif", save_all=True, append_images=images[1:])
    with pytest.raises(SharpcamError, match=r"holds 2 pictures \(pages\)"):
        read_picture(tmp_path / "b.tif")
