"""Small pictures of frames, made once, behind the page's back, and kept in .cache/thumbnails."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import cv2

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.frames import read_frame
from pipeline.core.hashing import sha256_of_text
from pipeline.core.paths import Paths

WIDTH_PX = 160
QUALITY = 85

_maker = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
_asked: set[Path] = set()
_lock = Lock()


def folder(paths: Paths) -> Path:
    """Where they are kept."""
    return paths.cache / "thumbnails"


def place(frame: Path, paths: Paths) -> Path:
    """Where the thumbnail of this very frame lies, or will; another picture under the same name has another one."""
    status = frame.stat()
    key = f"{frame.absolute()} {status.st_size} {status.st_mtime_ns}"
    return (folder(paths) / f"{sha256_of_text(key)[:24]}.jpg").absolute()


def find(frames: Iterable[Path], paths: Paths) -> tuple[dict[Path, Path], bool]:
    """The thumbnails that there are, by frame, and whether more are being made."""
    places = {frame: place(frame, paths) for frame in frames if frame.exists()}
    found = {frame: each for frame, each in places.items() if each.exists()}
    with _lock:
        for frame in places.keys() - found.keys():
            if places[frame] not in _asked:
                _asked.add(places[frame])
                _maker.submit(make, frame, places[frame])
        waiting = any(places[frame] in _asked for frame in places.keys() - found.keys())
    return found, waiting


def make(frame: Path, thumbnail: Path) -> None:
    """Write the thumbnail of a frame; of what cannot be read there is none."""
    try:
        picture = read_frame(frame)
        height = max(1, round(picture.shape[0] * WIDTH_PX / picture.shape[1]))
        small = cv2.resize(picture, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        done, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if done:
            write_bytes(thumbnail, data.tobytes(), synced=False)
    except (SharpcamError, OSError, cv2.error):
        pass
    finally:
        with _lock:
            _asked.discard(thumbnail)
