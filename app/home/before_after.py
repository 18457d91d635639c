"""One frame before and after the student in use, made behind the page's back and kept in .cache/before_after.

It is the newest of the user's own frames, else one of the real clip that comes with sharpcam.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from app.data.clips import made_ns, middle
from pipeline.core.clips import DEMO_CAMERAS, camera_of, find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame, resize
from pipeline.core.hashing import sha256, sha256_of_text
from pipeline.core.paths import Paths
from pipeline.student.catalogue import Model, find
from pipeline.student.engines import REFERENCE

QUALITY = 93  # of JPEG: about 300 kB a picture
SHOWN_AT_S = 1.0  # of the clip that comes with sharpcam

_maker = ThreadPoolExecutor(1, thread_name_prefix="before-after")


@dataclass(frozen=True)
class Pair:
    """The same frame twice, as JPEG files at the size of the student's picture."""

    frame: str  # which one, in words
    student: str
    before: Path
    after: Path


def begin(paths: Paths) -> Future[Pair]:
    """Have the pair made, or found where it was made before; raises SharpcamError where there is no student."""
    return _maker.submit(make, replace(paths, root=paths.root.absolute()))


def make(paths: Paths) -> Pair:
    """The pair of the first frame that can be read. Raises SharpcamError where there is no student."""
    model = find(None, paths)
    for file in own_frames(paths):
        try:
            return _pair(file, f"{file.parent.name}, frame {int(file.stem)}", model, paths)
        except (SharpcamError, ValueError):  # another one shows as much
            continue
    return _pair(paths.demo_clip, "A webcam's clip that comes with sharpcam", model, paths)


def own_clips(paths: Paths) -> list[Path]:
    """The clips that the user recorded or imported, the newest first, whether or not capture has adopted them."""
    found = [*find_clips(paths.raw), *find_clips(paths.inbox)]
    return sorted((clip for clip in found if camera_of(clip) != DEMO_CAMERAS), key=made_ns, reverse=True)


def own_frames(paths: Paths) -> Iterator[Path]:
    """The middle frame of each own clip, the newest clip first."""
    for clip in own_clips(paths):
        if frame := middle(find_frames(clip)):
            yield frame


def _pair(file: Path, frame: str, model: Model, paths: Paths) -> Pair:
    key = sha256_of_text(f"{sha256(file)} {sha256(model.contract)}")[:24]
    folder = paths.cache / "before_after"
    pair = Pair(frame, model.title, folder / f"{key}-before.jpg", folder / f"{key}-after.jpg")
    if not (pair.before.exists() and pair.after.exists()):
        before, after = _enhanced(read_any(file), model)
        for old in folder.glob("*.jpg"):
            old.unlink(missing_ok=True)
        for path, picture in ((pair.before, before), (pair.after, after)):
            jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            write_bytes(path, jpeg.tobytes(), synced=False)
    return pair


def read_any(file: Path) -> Frame:
    """A frame, or one of a clip that comes with sharpcam. Raises SharpcamError."""
    if file.suffix == ".png":
        return read_frame(file)
    from pipeline.media.video import look_at, read_frames  # PyAV, which no other frame needs

    facts = look_at(file)
    frames = read_frames(facts, begin=0)
    return next(each.picture for each in frames if float(each.pts * facts.time_base) >= SHOWN_AT_S)


def _enhanced(frame: Frame, model: Model) -> tuple[Frame, Frame]:
    """(bicubic, the student) at the student's size, with the dials of this frame, in the frame's own shape."""
    from pipeline.enhance.upscaler import load_upscaler

    after = load_upscaler(model.contract, engine=REFERENCE).seen([frame]).enhance(frame)
    return resize(frame, size=(after.shape[1], after.shape[0]), kernel="bicubic"), after
