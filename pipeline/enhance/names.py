"""What a file is by its name, and the name of what is made of it."""

from pathlib import Path

from pipeline.enhance.encoding import CONTAINERS
from pipeline.enhance.images.picture import FORMATS

VIDEOS = {".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mts", ".ts", ".mpg"}
SUFFIXES = {*FORMATS, *VIDEOS}  # of all that is taken
INSTEAD = ".mkv"  # of the suffix of a video that is read and not written


def is_video(file: Path) -> bool:
    """Whether a file is taken as a video."""
    return file.suffix.lower() in VIDEOS


def name_of_made(name: str | Path) -> Path:
    """The name of what is made of a file, in whichever folder: its own, but where that is never written."""
    file = Path(name)
    return file.with_suffix(INSTEAD) if is_video(file) and file.suffix.lower() not in CONTAINERS else file
