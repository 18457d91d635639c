"""What a call is to do: one task for each picture and video of a folder, and a row for each file that is neither."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.enhance.names import COMPARED, MANIFEST, REPORT, SUFFIXES, conversion_of, name_of_made, names_of_made
from pipeline.student.dials import Dials

LEFT_OUT = "left out"  # the state of what is neither a picture nor a video


@dataclass(frozen=True)
class Task:
    """One file, and what is to be made of it."""

    source: Path
    target: Path
    name: str  # of the source, as it is told to people


@dataclass
class Row:
    """A line of the report."""

    file: str
    status: str  # done | skipped | failed | left out
    width: int = 0
    height: int = 0
    enhanced_width: int = 0
    enhanced_height: int = 0
    frames: int = 0
    bytes: int = 0
    enhanced_bytes: int = 0
    seconds: float = 0.0
    blur: float | None = None
    noise: float | None = None
    sharpening: float | None = None
    compression: float | None = None
    made: str = ""  # the output's name in its folder
    note: str = ""  # what could not be kept
    problem: str = ""  # why it is not enhanced

    def seen(self, dials: Dials | None) -> "Row":
        """This with what its camera was found to be, where that was looked for."""
        return self if dials is None else replace(self, **dials._asdict())

    @property
    def dials(self) -> Dials | None:
        """What its camera was found to be."""
        found = [value for name in Dials._fields if (value := getattr(self, name)) is not None]
        return Dials(*found) if found else None


@dataclass(frozen=True)
class Found:
    """What a call was given: the files to enhance, and a row for each of the others."""

    tasks: list[Task]
    others: list[Row]


def find_tasks(source: Path, output: Path) -> Found:
    """The work of one file or of a folder, whose tree is kept; every file of a folder is in it once.

    Raises SharpcamError where there is nothing to do, or an input would be touched.
    """
    if source.is_dir():
        found = _sorted_out(source, output)
    elif source.is_file():
        if how := conversion_of(source):
            raise SharpcamError(_not_read(source, how))
        target = output / name_of_made(source.name) if output.is_dir() else output
        found = Found([Task(source, target, source.name)], [])
    else:
        raise SharpcamError(f"There is no {source}. Name a picture, a video, a folder of them, or camera:0.")
    if not found.tasks and all(row.status == LEFT_OUT for row in found.others):
        raise SharpcamError(f"{source} holds no picture or video ({', '.join(sorted(SUFFIXES))}). Name another folder.")
    inputs = {_identity(task.source) for task in found.tasks}
    for task in found.tasks:
        if task.target.exists() and _identity(task.target) in inputs:
            raise SharpcamError(f"{task.target} is an input, and no input is ever overwritten. Choose another OUTPUT.")
    return found


def _sorted_out(source: Path, output: Path) -> Found:
    """The files of a folder: what is taken, and a row with the reason for each that is not."""
    taken, others = [], []
    for file in sorted(source.rglob("*")):
        if file.is_dir() or _is_ours(file, output, source):
            continue
        name = str(file.relative_to(source))
        if row := _row_of_other(file, name):
            others.append(row)
        else:
            taken.append(name)
    made = names_of_made(taken)
    count = Counter(made.values())
    tasks = [Task(source / name, output / made[Path(name)], name) for name in taken if count[made[Path(name)]] == 1]
    others += [
        Row(name, "failed", problem=f"Several inputs would become {made[Path(name)]}. Rename this one.")
        for name in taken
        if count[made[Path(name)]] > 1
    ]
    return Found(tasks, others)


def _row_of_other(file: Path, name: str) -> Row | None:
    """Why a file is not taken; None where it is."""
    size = file.stat().st_size if file.is_file() else 0
    if any(part.startswith(".") for part in Path(name).parts):
        return Row(name, LEFT_OUT, bytes=size, problem="It is hidden.")
    if not file.is_file():
        return Row(name, LEFT_OUT, problem="It is a link to nothing, or no file.")
    if how := conversion_of(file):
        return Row(name, "failed", bytes=size, problem=_not_read(file, how))
    if file.suffix.lower() not in SUFFIXES:
        return Row(name, LEFT_OUT, bytes=size, problem="By its name it is not a picture or video. If it is, rename it.")
    return None


def _not_read(file: Path, how: str) -> str:
    return f"{file}: {file.suffix} is not read. Convert it, for example with: {how}"


def _identity(file: Path) -> tuple[int, int]:
    """What a file is known by under all its names: links, and other cases of letters where they do not count."""
    known = file.stat()
    return known.st_dev, known.st_ino


def _is_ours(file: Path, output: Path, source: Path) -> bool:
    """Whether a file lies in an output folder that lies in the input folder, or is a table of ours."""
    if output.resolve() == source.resolve():
        return file.name in (MANIFEST, REPORT, COMPARED)
    return output.resolve() in file.resolve().parents
