"""Strangers' files are decoded apart from the server: in a process of its own, few at a time, its memory limited.

A small file can hold a picture of gigabytes, or crash its decoder; that must not take the pages of everybody with it.

    python -m app.apart check clip.mp4      whether it can become a clip
    python -m app.apart preview photo.jpg   the picture as a browser can show it, to standard output
"""

import os
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from pipeline.core.clip_rules import check_size
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import MEGAPIXELS, encode_frame
from pipeline.core.geometry import Frame, resize
from pipeline.core.program import command_parser

MEMORY_BYTES = 2 << 30  # of address space, a part of which is Python and its libraries
PATIENCE_S = 60
AT_ONCE = 1  # the memory of several would add up
PREVIEW_PX = 1600  # longer side: what a page can show
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each would take address space

_free = BoundedSemaphore(AT_ONCE)


def apart(task: str, file: Path) -> bytes:
    """What a process of its own prints as it does one of TASKS to a file or folder.

    Raises SharpcamError with the sentence of that process, or where it took too much memory or time.
    """
    with _free:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "app.apart", task, str(file), "--memory", str(MEMORY_BYTES)],
                capture_output=True,
                timeout=PATIENCE_S,
                env=os.environ | ONE_THREAD,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _too_much(file) from None
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        if not said.startswith("sharpcam: "):
            raise _too_much(file)
        raise SharpcamError(said.removeprefix("sharpcam: ").replace(f"{file}/", "").replace(f"{file.parent}/", ""))
    return ended.stdout


def _too_much(file: Path) -> SharpcamError:
    return SharpcamError(
        f"{file.name} could not be decoded in {MEMORY_BYTES / 2**30:.2g} GB of memory and {PATIENCE_S} s. "
        "Scale it down, or convert it to another format."
    )


def check(source: Path) -> None:
    """Raise SharpcamError unless the first frame of a video, or of a folder of pictures, can be one of a clip."""
    from pipeline.media.sources import Folder, Video

    frame = next((Folder if source.is_dir() else Video)(source).frames(), None)
    if frame is None:
        raise SharpcamError(f"{source} shows no picture. Upload a video that a player shows.")
    check_size((frame.shape[1], frame.shape[0]), str(source))


def preview(file: Path) -> None:
    """Print a picture as the browser can show it: upright, 8 bits, not too large; PNG."""
    from pipeline.enhance.images.read import picture_size, read_picture

    width, height = picture_size(file, megapixels=float("inf"))
    if width * height > MEGAPIXELS * 1e6:
        raise SharpcamError(
            f"{file.name} has {width * height / 1e6:.0f} megapixels, and up to {MEGAPIXELS:g} are shown here. "
            "Download it to look at it."
        )
    frame: Frame = read_picture(file).upright().in_8_bits().colour
    shrunk = PREVIEW_PX / max(frame.shape[:2])
    if shrunk < 1:
        size = max(1, round(shrunk * frame.shape[1])), max(1, round(shrunk * frame.shape[0]))
        frame = resize(frame, size=size, kernel="area")
    sys.stdout.buffer.write(encode_frame(frame))


TASKS = {"check": check, "preview": preview}


def main(arguments: list[str] | None = None) -> int:
    """Do one of TASKS, in limited memory."""
    import resource  # not on every system that the server runs on

    parser = command_parser("app.apart", __doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--memory", type=int, default=MEMORY_BYTES, help="bytes of address space (%(default)d)")
    asked = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (asked.memory, asked.memory))
    return run_command(lambda: TASKS[asked.task](asked.file))


if __name__ == "__main__":
    sys.exit(main())
