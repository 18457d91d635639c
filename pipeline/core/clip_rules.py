"""What can be a clip: the one rule for its name, its frames and the files that it may come in, held at every door.

Doors are the pages Data and Live, `pipeline.capture` by hand and as a stage, and every stage that finds clips. A clip
that breaks the rule is passed over with a word, so that it stops nobody else's.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.clips import DEMO_CLIP, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.file_notes import FileNotes
from pipeline.core.frames import check_frame, png_size
from pipeline.core.paths import Paths

LETTERS, MOST_LETTERS = "A-Za-z0-9._-", 64  # of a name
NAME = rf"[A-Za-z0-9][{LETTERS}]{{0,{MOST_LETTERS - 1}}}"
NEW_NAME = rf"(?!{DEMO_CLIP}){NAME}"  # the browser reads it too
LEAST_PX, MOST_PX = 16, 4096  # a side of a frame: networks halve it four times, and a window of frames is in memory
MOST_FRAMES = 100_000  # their names have six digits
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
VIDEOS = "MP4, MOV, MKV, WebM, AVI, MPEG, FLV, OGG, ASF, MXF, GIF or Y4M"
VIDEO_DEMUXERS = ("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "mxf", "gif", "yuv4mpegpipe")


def check_name(name: str) -> None:
    """Raise SharpcamError where no new clip can be called so."""
    if not re.fullmatch(NAME, name):
        raise SharpcamError(
            f'"{name}" cannot name a clip. Use letters, digits, dots, dashes and underscores, at most 64, the first a '
            "letter or digit."
        )
    if not re.fullmatch(NEW_NAME, name):
        raise SharpcamError(
            f'"{name}" cannot name a clip: the clips of the demo begin with {DEMO_CLIP}. Choose another name.'
        )


def safe_name(name: str) -> str:
    """A file's `name` as one that leads nowhere else: other characters become dashes, the first is a letter or digit.

    Raises SharpcamError where nothing is left.
    """
    cleaned = re.sub(rf"[^{LETTERS}]+", "-", name).lstrip("-._").rstrip("-.")[:MOST_LETTERS]
    if not cleaned:
        raise SharpcamError(f'"{name}" cannot name a clip. Use letters, digits, dashes and underscores.')
    return cleaned


def check_size(size: tuple[int, int], what: str) -> None:
    """Raise SharpcamError where frames of `size` (width, height) cannot be a clip's; `what` has that size."""
    if not all(LEAST_PX <= side <= MOST_PX for side in size):
        raise SharpcamError(
            f"{what} is {size[0]}x{size[1]}, and a frame of a clip has {LEAST_PX} to {MOST_PX} pixels a side. "
            "Scale it, or choose another resolution of the camera."
        )


def check_clip(clip: Path, *, notes: FileNotes | None = None) -> None:
    """Raise SharpcamError where a stage cannot work with the frames in the folder `clip`.

    Headers and checksums are read; nothing is decoded. With `notes` only of files that changed since they were read.
    """
    if not re.fullmatch(NAME, clip.name):
        check_name(clip.name)
    frames = find_frames(clip)
    if not 0 < len(frames) <= MOST_FRAMES:
        raise SharpcamError(
            f"{clip} holds {len(frames)} frames (000000.png), and a clip has 1 to {MOST_FRAMES}. Divide or remove it."
        )
    first = None
    for frame in frames:
        size = notes.of(frame, _checked_size) if notes else _checked_size(frame)
        first = first or size
        if size != first:
            raise SharpcamError(
                f"{frame} is {size}, {frames[0].name} beside it is {first}. Remove it, or "
                "record those of another size as a clip of their own."
            )


def _checked_size(frame: Path) -> str:
    """ "640x480", of a whole file. Raises SharpcamError for one that is not a frame of a clip."""
    data = frame.read_bytes()
    check_frame(data, name=str(frame), whole=True)
    size = png_size(data)
    check_size(size, str(frame))
    return f"{size[0]}x{size[1]}"


def usable_clips(clips: Sequence[Path], *, stage: str, paths: Paths) -> list[Path]:
    """Those of `clips` that every stage can work with; of each other one `stage` prints what is wrong and what to do.

    Raises SharpcamError where there are clips and none can be used.
    """
    usable, problems = [], []
    for clip in clips:
        notes = FileNotes(paths.cache / "files/sizes" / f"{clip.name}.json")
        try:
            check_clip(clip, notes=notes)
            notes.keep()
            usable.append(clip)
        except SharpcamError as error:
            problems.append(str(error))
            print(f"{stage}: the clip {clip.name} is passed over. {error}", flush=True)
    if problems and not usable:
        raise SharpcamError(f"None of the {len(clips)} clips can be used. {problems[0]}")
    return usable
