"""A JPEG that is written by the strip is the picture that Pillow writes as a whole."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from making import photo
from PIL import Image

from pipeline.enhance.images.jpeg import strip_rows, write_jpeg
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.write import write_picture


def written(path: Path, pixels: np.ndarray, **told: bytes) -> Path:
    rows = strip_rows(pixels.shape[1])
    strips = (pixels[row : row + rows] for row in range(0, len(pixels), rows))
    write_jpeg(path, strips, size=(pixels.shape[1], pixels.shape[0]), quality=90, **told)
    return path


@pytest.mark.parametrize("shape", [(5, 7), (256, 40), (257, 33), (2600, 31), (300, 2000)], ids=str)
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_the_strips_are_the_whole_picture(shape, grey, tmp_path):
    pixels = photo(*shape)[..., 0].copy() if grey else photo(*shape)
    whole = BytesIO()
    Image.fromarray(pixels).save(whole, format="JPEG", quality=90, **({} if grey else {"subsampling": 0}))
    expected = np.asarray(Image.open(whole))
    file = written(tmp_path / "a.jpg", pixels)
    with Image.open(file) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    seen = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert np.abs((seen if grey else seen[..., ::-1]).astype(int) - expected).max() <= 1
    if shutil.which("ffmpeg"):
        words = ["ffmpeg", "-v", "warning", "-xerror", "-i", str(file), "-f", "null", "-"]
        assert "error" not in subprocess.run(words, capture_output=True, check=True, text=True).stderr.lower()


def test_a_wide_picture_has_intervals_that_can_be_told():
    for width in (1, 8, 9, 24_000, 65_500):
        rows = strip_rows(width)
        assert rows % 8 == 0
        assert 0 < -(-width // 8) * rows // 8 <= 65_535


def test_what_is_told_is_told_once_and_16_bits_are_rounded(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a tree"
    colour = photo(600, 20)
    write_picture(tmp_path / "a.jpg", Picture(colour.astype(np.uint16) * 257, exif=b"Exif\0\0" + exif.tobytes()[6:]))
    write_picture(tmp_path / "b.jpg", Picture(colour))
    data = (tmp_path / "a.jpg").read_bytes()
    assert data.count(b"a tree") == 1
    with Image.open(tmp_path / "a.jpg") as deep, Image.open(tmp_path / "b.jpg") as plain:
        assert deep.getexif()[0x010E] == "a tree"
        np.testing.assert_array_equal(np.asarray(deep), np.asarray(plain))
