"""Many files through one enhancer: each becomes a row, be it done or failed, and the rows a table."""

import csv
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from threading import Event

from pipeline.core.command import DISK_ERRORS
from pipeline.core.errors import SharpcamError
from pipeline.core.files import told_of
from pipeline.enhance.tasks import Row, Task


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
