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
from pipeline.enhance.names import SUFFIXES, name_of_made
from pipeline.student.dials import Dials

MANIFEST = ".sharpcam-enhance.jsonl"
REPORT = "enhance.csv"
COMPARED = "compare.csv"
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
    status: str  # done | skipped | failed
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
    problem: str = ""

    def seen(self, dials: Dials | None) -> "Row":
        """This with what its camera was found to be, where that was looked for."""
        return self if dials is None else replace(self, **dials._asdict())

    @property
    def dials(self) -> Dials | None:
        """What its camera was found to be."""
        found = [value for name in Dials._fields if (value := getattr(self, name)) is not None]
        return Dials(*found) if found else None


def find_tasks(source: Path, output: Path) -> list[Task]:
    """The work of one file or of a folder, whose tree is kept.

    Raises SharpcamError where an input would be touched, or two outputs would be one.
    """
    if source.is_dir():
        tasks = [
            Task(file, output / name_of_made(file.relative_to(source)), str(file.relative_to(source)))
            for file in sorted(source.rglob("*"))
            if file.suffix.lower() in SUFFIXES and file.is_file() and not _is_in(file, output, source)
        ]
    elif source.is_file():
        tasks = [Task(source, output / name_of_made(source.name) if output.is_dir() else output, source.name)]
    else:
        raise SharpcamError(f"There is no {source}. Name a picture, a video, a folder of them, or camera:0.")
    if not tasks:
        raise SharpcamError(f"{source} holds no picture or video ({', '.join(sorted(SUFFIXES))}). Name another folder.")
    twice = [name for name, count in Counter(task.target for task in tasks).items() if count > 1]
    if twice:
        raise SharpcamError(f"Several inputs would become {twice[0]}. Rename one.")
    inputs = {_identity(task.source) for task in tasks}
    for task in tasks:
        if task.target.exists() and _identity(task.target) in inputs:
            raise SharpcamError(f"{task.target} is an input, and no input is ever overwritten. Choose another OUTPUT.")
    return tasks


def _identity(file: Path) -> tuple[int, int]:
    """What a file is known by under all its names: links, and other cases of letters where they do not count."""
    known = file.stat()
    return known.st_dev, known.st_ino


def _is_in(file: Path, output: Path, source: Path) -> bool:
    """Whether a file lies in an output folder that lies in the input folder, or is hidden."""
    hidden = any(part.startswith(".") for part in file.relative_to(source).parts)
    return hidden or (output.resolve() != source.resolve() and output.resolve() in file.resolve().parents)


class Manifest:
    """Which outputs are finished, of what and by what: a line each, the last one counts; half a line is passed over."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / MANIFEST
        self.known: dict[str, dict[str, Any]] = {}
        self._lock = Lock()
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
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
        return is_whole and bool(entry["key"] == key)

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
