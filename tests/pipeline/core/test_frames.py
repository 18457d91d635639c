"""Frames are 8-bit RGB PNG files, whole or not there; whatever else comes is named."""

import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from making import photo
from PIL import Image

from pipeline.core.clips import find_clips, find_frames, remove_unfinished
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import encode_frame, read_frame, write_frame

FRAME = photo(24, 32)


def test_what_is_written_is_read_bit_by_bit_here_and_by_others(tmp_path):
    written = write_frame(tmp_path / "clip" / "000001.png", FRAME)
    assert (tmp_path / "clip" / "000001.png").read_bytes() == written
    np.testing.assert_array_equal(read_frame(tmp_path / "clip" / "000001.png"), FRAME)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "clip" / "000001.png")), FRAME)
    assert [path.name for path in (tmp_path / "clip").iterdir()] == ["000001.png"]


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    assert write_frame(tmp_path / "a.png", FRAME) == write_frame(tmp_path / "b.png", FRAME.copy())


def text(path):
    path.write_text("I am no picture, whatever I am called.")


def sixteen_bits(path):
    cv2.imwrite(str(path), FRAME.astype(np.uint16) * 257)


def grey(path):
    Image.fromarray(FRAME[..., 0]).save(path)


def grey_and_transparent(path):
    Image.fromarray(FRAME[..., 0]).convert("LA").save(path)


def transparent(path):
    Image.fromarray(FRAME).convert("RGBA").save(path)


def transparent_by_a_chosen_colour(path):
    Image.fromarray(FRAME).save(path, transparency=(1, 2, 3))


def cut_off(path):
    write_frame(path, FRAME)
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.touch()


def jpeg_named_png(path):
    Image.fromarray(FRAME).save(path, format="JPEG")


def header_alone(path):
    header = struct.pack(">IIBBBBB", 32, 24, 8, 2, 0, 0, 0)
    end = b"\0\0\0\0IEND\xaeB`\x82"
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + end)


BAD = {
    text: "is not a PNG file",
    sixteen_bits: "has 16 bits per channel",
    grey: "is grey",
    grey_and_transparent: "is grey",
    transparent: "is transparent",
    transparent_by_a_chosen_colour: "is transparent",
    cut_off: "is cut off",
    empty: "is not a PNG file",
    jpeg_named_png: "is not a PNG file",
    header_alone: "is a broken PNG file",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_what_is_no_frame_is_refused_by_name_with_the_next_step(tmp_path, make):
    path = tmp_path / "000007.png"
    make(path)
    with pytest.raises(SharpcamError) as caught:
        read_frame(path)
    sentence = f"{path} {BAD[make]}; frames are 8-bit RGB PNG. Convert or remove that file and run again."
    assert str(caught.value) == sentence


def test_a_palette_is_colour(tmp_path):
    flat = np.zeros((8, 8, 3), np.uint8)
    flat[:4] = 200, 10, 30
    Image.fromarray(flat).convert("P", palette=Image.Palette.ADAPTIVE, colors=4).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), flat)


@pytest.mark.parametrize("byte", [200, 400, 900])
def test_a_flipped_bit_is_not_read_as_a_picture_in_silence(tmp_path, byte):
    path = tmp_path / "a.png"
    data = bytearray(write_frame(path, FRAME))
    data[byte] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(SharpcamError, match="is a broken PNG file"):
        read_frame(path)


def test_a_frame_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SharpcamError, match=r"No frame at .*000000\.png. Run the stage"):
        read_frame(tmp_path / "000000.png")


def test_clips_and_frames_are_found_in_order_without_what_is_unfinished(tmp_path):
    for name in ("b/000010.png", "b/000002.png", "b/.000003.png.part", ".c.part/000000.png", "a/000000.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [clip.name for clip in find_clips(tmp_path)] == ["a", "b"]
    assert [frame.name for frame in find_frames(tmp_path / "b")] == ["000002.png", "000010.png"]
    remove_unfinished(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["a/000000.png", "b/000002.png", "b/000010.png"]
    assert find_clips(tmp_path / "nowhere") == []


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path):
    """The child may write 4 kB a file; SIGXFSZ is ignored by Python, so that it sees an error as on a full disk."""
    code = (
        "import resource, pathlib; from pipeline.core.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_bytes(pathlib.Path('a'), bytes(9999))\n"
        "except OSError: print(sorted(map(str, pathlib.Path().iterdir())), pathlib.Path('a').read_bytes())"
    )
    (tmp_path / "a").write_bytes(b"before")
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert answer.stdout.strip() == "['a'] b'before'", answer.stderr


@pytest.mark.parametrize(
    ("side", "problem"),
    [
        (2**20, "has 1099512 megapixels, and 100 are allowed"),
        (2**32 - 1, "megapixels, and 100 are"),
        (0, "is a broken PNG file"),
    ],
)
def test_a_header_beyond_all_limits_is_refused(tmp_path, side, problem):
    data = bytearray(encode_frame(photo(20, 20)))
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(SharpcamError, match=rf"a\.png .*{problem}"):
        read_frame(tmp_path / "a.png")
