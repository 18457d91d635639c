"""What a picture's file tells besides its pixels is in the file that is made of it, or its loss is named."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from making import photo
from pictured import exif, picture
from PIL import Image, ImageCms, PngImagePlugin

from pipeline.core.errors import SharpcamError
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.png import read_chunks, write_png
from pipeline.enhance.images.read import lost_of, read_picture
from pipeline.enhance.images.write import write_picture

DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)


def with_chunks(path: Path, chunks: list[tuple[bytes, bytes]], pixels: np.ndarray) -> Path:
    write_png(path, iter([pixels]), size=pixels.shape[1::-1], exif=b"", profile=b"", chunks=chunks)
    return path


@pytest.mark.parametrize("gamma", [1.0, 0.5, 0.45455])
@pytest.mark.parametrize("primaries", [None, DISPLAY_P3], ids=["sRGB", "P3"])
def test_the_gamma_and_primaries_of_a_png_come_along(tmp_path, gamma, primaries):
    """In a PNG as they are, else as a profile, by which LittleCMS shows what the numbers mean."""
    chunks = [(b"gAMA", struct.pack(">I", round(1e5 * gamma)))]
    if primaries:
        chunks.append((b"cHRM", struct.pack(">8I", *(round(1e5 * number) for number in primaries))))
    ramp = np.linspace(40, 255, 32).astype(np.uint8)[None, :, None].repeat(8, axis=0)
    pixels = np.concatenate([ramp, ramp, ramp], axis=2)
    found = read_picture(with_chunks(tmp_path / "a.png", chunks, pixels))
    write_picture(tmp_path / "b.png", found)
    assert read_chunks(tmp_path / "b.png", {b"gAMA", b"cHRM", b"iCCP"}) == {name: [data] for name, data in chunks}
    for name in ("b.jpg", "b.tif", "b.webp"):
        write_picture(tmp_path / name, found, quality=100)
        with Image.open(tmp_path / name) as made:
            own = ImageCms.ImageCmsProfile(BytesIO(made.info["icc_profile"]))
            shown = ImageCms.profileToProfile(made, own, ImageCms.createProfile("sRGB"), renderingIntent=1)
        light = (ramp[0, :, 0] / 255) ** (1 / gamma)
        expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(np.asarray(shown)[4].mean(axis=1), expected, atol=4)
    if primaries:
        red = Picture(np.full((8, 8, 3), (255, 0, 0), np.uint8), profile=found.profile)
        write_picture(tmp_path / "red.tif", red)
        xyz = ImageCms.ImageCmsProfile(BytesIO(read_picture(tmp_path / "red.tif").profile)).profile.red_primary[0]
        np.testing.assert_allclose(xyz, (0.51512, 0.24120, -0.00105), atol=0.001)  # as Display P3's own profile has it


def test_colours_that_only_a_png_tells_stay_in_one(tmp_path):
    """BT.2100 PQ: its numbers would be shown as something else."""
    found = read_picture(with_chunks(tmp_path / "a.png", [(b"cICP", bytes((9, 16, 0, 1)))], photo(8, 8)))
    write_picture(tmp_path / "b.png", found)
    assert read_chunks(tmp_path / "b.png", {b"cICP"}) == {b"cICP": [bytes((9, 16, 0, 1))]}
    with pytest.raises(SharpcamError, match="which are told by cICP"):
        write_picture(tmp_path / "b.jpg", found)


@pytest.mark.parametrize("source", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".png", ".jpg", ".webp", ".tif"])
def test_xmp_is_kept_and_says_of_turned_pixels_that_they_are(tmp_path, source, target):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" dc:title="\xc3\xa9"/></x:xmpmeta>'
    write_picture(tmp_path / f"a{source}", picture(xmp=xmp, exif=exif()))
    with Image.open(tmp_path / f"a{source}") as made:
        told = made.info["xmp"]
        assert (told.encode() if isinstance(told, str) else told) == xmp
    found = read_picture(tmp_path / f"a{source}")
    write_picture(tmp_path / f"b{target}", found)
    assert read_picture(tmp_path / f"b{target}").xmp == xmp
    assert found.upright().xmp == xmp.replace(b'"6"', b'"1"')


def test_texts_of_a_png_are_kept_in_a_png_and_named_elsewhere(tmp_path):
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "someone")
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.png", pnginfo=told)
    write_picture(tmp_path / "b.png", read_picture(tmp_path / "a.png"))
    with Image.open(tmp_path / "b.png") as made:
        made.load()
        assert made.info["Author"] == "someone"
    assert lost_of(tmp_path / "a.png", tmp_path / "b.png") == ""
    assert lost_of(tmp_path / "a.png", tmp_path / "b.jpg") == "left out: texts"


def test_iptc_is_named_where_it_is_lost(tmp_path):
    record = b"\x1c\x02\x78\x00\x05hello"
    data = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    segment = b"\xff\xed" + struct.pack(">H", len(data) + 2) + data
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.jpg", extra=segment)
    assert lost_of(tmp_path / "a.jpg", tmp_path / "b.jpg") == "left out: IPTC"


@pytest.mark.parametrize("grey", [False, True])
def test_a_pnm_keeps_its_16_bits(tmp_path, grey):
    pixels = photo(20, 30).astype(np.uint16) * 255 + 7
    pixels = pixels[..., :1] if grey else pixels
    head = f"P{5 if grey else 6}\n# made by hand\n30 20\n65535\n".encode()
    (tmp_path / "a.pnm").write_bytes(head + pixels.astype(">u2").tobytes())
    found = read_picture(tmp_path / "a.pnm")
    np.testing.assert_array_equal(found.colour, pixels.repeat(3, axis=2) if grey else pixels)
