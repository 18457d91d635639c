"""What a file is by its name, how to convert what is not read, and the name of what is made of a file."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from pipeline.enhance.encoding import CONTAINERS
from pipeline.enhance.images.picture import FORMATS, READ_ONLY

MANIFEST, REPORT, COMPARED = ".sharpcam-enhance.jsonl", "enhance.csv", "compare.csv"  # what lies in an output folder
VIDEOS = {
    *(".mp4", ".mkv", ".mov", ".webm", ".m4v", ".qt", ".3gp", ".3g2", ".mj2", ".lrv", ".insv", ".avi", ".divx", ".wmv"),
    *(".asf", ".flv", ".f4v", ".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp", ".tod", ".mpg", ".mpeg", ".mpe", ".vob"),
    *(".mod", ".ogv", ".ogm", ".ogx", ".mxf", ".y4m", ".mk3d"),
}
PICTURES = {*FORMATS, *READ_ONLY}
SUFFIXES = PICTURES | VIDEOS  # of all that is taken
INSTEAD, PICTURE_INSTEAD = ".mkv", ".png"  # of the suffix of what is read and not written
HOW_TO_CONVERT = {
    "heif-convert {0} {1}.png": (".heic", ".heif", ".hif"),
    "darktable-cli {0} {1}.tif": (
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".dng",
        ".orf",
        ".rw2",
        ".raf",
        ".pef",
        ".srw",
        ".raw",
    ),
    "magick {0} {1}.png": (
        *(".psd", ".xcf", ".svg", ".eps", ".ico", ".icns", ".exr", ".hdr", ".pcx", ".dds", ".xbm", ".sgi", ".im"),
        *(".jxr", ".wdp", ".hdp", ".pict", ".wmf", ".emf"),
    ),
    "djxl {0} {1}.png": (".jxl",),
    "ffmpeg -i {0} {1}.mkv": (
        *(".rm", ".rmvb", ".swf", ".dv", ".m1v", ".m2v", ".mpv", ".264", ".h264", ".265", ".hevc", ".ivf", ".obu"),
        *(".mjpeg", ".mjpg", ".nut", ".gxf", ".wtv", ".amv", ".bik"),
    ),
}


def is_video(file: Path) -> bool:
    """Whether a file is taken as a video."""
    return file.suffix.lower() in VIDEOS


def conversion_of(file: Path) -> str:
    """The command that makes something readable of a picture or video that is not read; empty for all other files."""
    kind = file.suffix.lower()
    commands = (command for command, kinds in HOW_TO_CONVERT.items() if kind in kinds)
    return next(commands, "").format(quote(file.name), quote(file.stem))


def name_of_made(name: str | Path) -> Path:
    """The name of what is made of a file, in whichever folder: its own, but where that is never written."""
    file = Path(name)
    return file.with_suffix(_suffix_of_made(file))


def names_of_made(names: Iterable[str | Path]) -> dict[Path, Path]:
    """By file, `name_of_made`; of those that would get the same, the converted ones keep their suffix before the new.

    So clip.avi and clip.ts become clip.avi.mkv and clip.ts.mkv, but either alone becomes clip.mkv.
    """
    files = [Path(name) for name in names]
    count = Counter(_alike(name_of_made(file)) for file in files)
    return {
        file: file.with_name(file.name + _suffix_of_made(file))
        if file.suffix != _suffix_of_made(file) and count[_alike(name_of_made(file))] > 1
        else name_of_made(file)
        for file in files
    }


def _suffix_of_made(file: Path) -> str:
    if is_video(file):
        return file.suffix if file.suffix.lower() in CONTAINERS else INSTEAD
    return PICTURE_INSTEAD if file.suffix.lower() in READ_ONLY else file.suffix


def _alike(name: Path) -> str:
    """What a name is to a file system that does not tell capital letters from small ones."""
    return str(name).lower()
