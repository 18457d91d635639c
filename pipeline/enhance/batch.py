"""Many files through one enhancer: what is to be done, what is done already, what failed, and a table of it all."""

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Condition, Event, Lock
from typing import Any

from pipeline.core.command import DISK_ERRORS
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256, sha256_of_json
from pipeline.enhance.names import SUFFIXES, conversion_of, name_of_made, names_of_made
from pipeline.student.dials import Dials

MANIFEST = ".sharpcam-enhance.jsonl"
REPORT = "enhance.csv"
COMPARED = "compare.csv"
LEFT_OUT = "left out"  # the state of what is no picture and no video
ROOM_BYTES = 1_200_000_000  # of pictures that are worked on at the same time, whatever --jobs says


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
        return Row(name, LEFT_OUT, bytes=size, problem="By its name it is no picture or video. If it is, rename it.")
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


class Manifest:
    """Which outputs are finished, of what and by what: a line each, the last one counts; half a line is passed over."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / MANIFEST
        self.known: dict[str, dict[str, Any]] = {}
        self._lock = Lock()
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
                self._learn(line)

    def _learn(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self.known[entry["file"]] = entry
        except (ValueError, KeyError, TypeError):
            return

    def is_ours(self, task: Task) -> bool:
        """Whether that output was written by an earlier call."""
        return task.name in self.known

    def is_done(self, task: Task, key: str) -> bool:
        """Whether that output is there and was made of this content by these means."""
        entry = self.known.get(task.name, {})
        is_whole = task.target.is_file() and task.target.stat().st_size == entry.get("enhanced_bytes")
        return is_whole and bool(entry.get("key") == key)

    def begin(self, task: Task) -> None:
        """Note that an output is going to be ours: a kill may come between its last byte and the next note."""
        self._note({"file": task.name})

    def add(self, task: Task, key: str, measured: Sequence[Any] = ()) -> None:
        """Note that an output is whole, and what was measured of its pictures."""
        known = {"file": task.name, "key": key, "enhanced_bytes": task.target.stat().st_size}
        self._note(known | ({"measured": measured} if measured else {}))

    def measured(self, name: str) -> list[Any]:
        """What was measured of the pictures of a file, in whichever call that was."""
        return list(self.known[name].get("measured", []))

    def _note(self, entry: dict[str, Any]) -> None:
        with self._lock, told_of(self.file), self.file.open("a", encoding="utf-8") as file:
            self.known[entry["file"]] = entry
            file.write(f"\n{json.dumps(entry, sort_keys=True)}")  # a line that was cut off by a kill ends here


def key_of(source: Path, identity: dict[str, Any]) -> str:
    """One hash of a file's content and of all that decides what is made of it."""
    return sha256_of_json([sha256(source), identity])


class Room:
    """Lets work begin as long as its memory fits together; what is larger than all of it runs alone."""

    def __init__(self, most_bytes: int = ROOM_BYTES) -> None:
        self.most = self.free = most_bytes
        self._changed = Condition()

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        """Wait until there is room for that many bytes, and hold it."""
        needed = min(needed, self.most)
        with self._changed:
            self._changed.wait_for(lambda: self.free >= needed)
            self.free -= needed
        try:
            yield
        finally:
            with self._changed:
                self.free += needed
                self._changed.notify_all()


@contextmanager
def told_of(file: Path) -> Iterator[None]:
    """Name the file that is written in an OSError that names none, as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise


def problem_of(error: Exception, task: Task) -> str:
    """What went wrong with a file, in a sentence. Raises `error` where it would be the next file's problem too."""
    if isinstance(error, SharpcamError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"There is not enough memory for {task.source}. Use fewer --jobs, or a machine with more."
    if isinstance(error, OSError):
        if error.filename == str(task.source) and not isinstance(error, FileExistsError):
            return f"{task.source} cannot be read ({error.strerror}). Check the file."
        if error.errno in DISK_ERRORS:
            raise error
        return f"OUTPUT cannot be at {error.filename} ({error.strerror}). Choose another, or rename it."
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return f"{task.source} cannot be enhanced ({reason}). Convert or remove it, and please report this."


def run_all(tasks: list[Task], work: Callable[[Task], Row], *, jobs: int, leave: Event) -> Iterator[Row]:
    """The row of each task, as they end; `work` gives one, or raises what becomes one (`problem_of`).

    `leave` is set once no row is wanted any more: what still runs is to end at its next good moment.
    """

    def attempt(task: Task) -> Row:
        started = time.monotonic()
        try:
            with told_of(task.target):
                row = work(task)
        except Exception as error:
            row = Row(task.name, "failed", problem=problem_of(error, task))
        row.bytes = task.source.stat().st_size if task.source.exists() else 0
        row.seconds = round(time.monotonic() - started, 3)
        return row

    workers = ThreadPoolExecutor(jobs, thread_name_prefix="enhance")
    try:
        for done in as_completed([workers.submit(attempt, task) for task in tasks]):
            yield done.result()
    finally:
        leave.set()
        workers.shutdown(cancel_futures=True)


@contextmanager
def report(file: Path) -> Iterator[Callable[[Row], None]]:
    """A function that writes a row to the CSV at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8", errors="surrogateescape") as out:  # names may be any bytes
        table = csv.DictWriter(out, [field.name for field in fields(Row)])
        table.writeheader()

        def write(row: Row) -> None:
            with told_of(file):
                table.writerow(asdict(row))
                out.flush()

        yield write
