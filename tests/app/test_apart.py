"""What strangers upload is decoded in a process of its own: neither its memory nor its end is the server's."""

import io
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from making import ROOT, make_video, photo
from PIL import Image

from app import apart as module
from app.apart import apart
from pipeline.core.errors import SharpcamError

SIDE = 20_000
MOST_BYTES = 400 << 20
RECEIVE = """
import resource, sys
from pathlib import Path
from app.data.uploads import receive
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

class Upload:
    def __init__(self, file):
        self.name, self.data, self.size = file.name, file.read_bytes(), file.stat().st_size
    def getbuffer(self):
        return memoryview(self.data)

try:
    receive([Upload(Path(sys.argv[1]))], "desk", Paths(), limit_bytes=10**9)
except SharpcamError as error:
    print(error)
(own,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))  # of no ancestor
print(1024 * max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""


def chunk(kind: bytes, content: bytes) -> bytes:
    data = kind + content
    return len(content).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A black picture of 400 megapixels, packed to less than a hundredth."""
    file = tmp_path_factory.mktemp("bomb") / "a.png"
    packer, row = zlib.compressobj(1), bytes(1 + 3 * SIDE)
    pixels = b"".join([*(packer.compress(row) for _ in range(SIDE)), packer.flush()])
    header = SIDE.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    file.write_bytes(b"".join((b"\x89PNG\r\n\x1a\n", *chunks)))
    return file


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_an_upload_of_400_megapixels_is_refused_before_it_takes_memory(tmp_path: Path, bomb: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    shutil.copy(bomb, file)
    assert file.stat().st_size < 10e6
    answer = subprocess.run(
        [sys.executable, "-c", RECEIVE, str(file)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    sentence, most = answer.stdout.splitlines()
    assert sentence.startswith(f"a{suffix} ")
    assert "400 megapixels, and 100 are allowed" in sentence or "20000x20000" in sentence
    assert int(most) < MOST_BYTES
    assert not (tmp_path / ".cache/uploads/desk").exists()


def test_a_preview_that_takes_too_much_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.zeros((4000, 5000, 3), np.uint8))
    with Image.open(io.BytesIO(apart("preview", file))) as shown:
        assert shown.size == (1600, 1280)
    monkeypatch.setattr(module, "MEMORY_BYTES", 500 << 20)
    with pytest.raises(SharpcamError, match=r"^There is not enough memory for a\.png\. Scale it down"):
        apart("preview", file)


def test_a_picture_of_too_many_pixels_has_no_preview(bomb: Path) -> None:
    with pytest.raises(SharpcamError, match=r"a\.png has 400 megapixels, and up to 100 are shown here. Download it"):
        apart("preview", bomb)


def test_a_name_with_an_option_in_it_is_a_file(tmp_path: Path) -> None:
    make_video(tmp_path / "--memory=1.mkv", [photo(60, 80)])
    apart("check", tmp_path / "--memory=1.mkv")


def test_the_server_loads_no_decoder_of_videos_to_take_an_upload() -> None:
    code = "import app.data.uploads, sys; print('av' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
