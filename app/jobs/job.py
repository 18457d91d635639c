"""What is known of a job, read from its folder: nothing about it is kept in the memory of any server.

request.json (what was asked for) and keeper.json (which process keeps it) are written once by `start`, state.json only
by the keeper, and the empty files `stop` and `kill` by who cancels. So no file has two writers.

`lock` is the standard input of the keeper, and of all that it starts: it is locked as long as one of them works, also
where the keeper was killed. A lock cannot be copied: in a copy of the project the job is over, and cannot be reached.
"""

import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from app.jobs import commands
from app.jobs.progress import Standing, read_standing
from app.jobs.screen import what_is_left
from pipeline.core.command import Identity, Seconds, process_is_gone
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

State = Literal["queued", "running", "done", "failed", "cancelled", "killed", "vanished"]
SENTENCES: dict[State, str] = {
    "queued": "waits for its turn",
    "running": "runs",
    "done": "ended well",
    "failed": "failed",
    "cancelled": "was stopped; what was done is kept",
    "killed": "was killed; what was done until then is kept",
    "vanished": "vanished: it left no exit status (its processes were killed, the machine was restarted, or its memory "
    "was full). What was done is kept; run it again",
}
LOCK = "lock"
TAIL_BYTES = 64_000


class Request(BaseModel, frozen=True):
    """request.json."""

    command: str
    arguments: tuple[str, ...]
    lane: str
    asked: Seconds


class Keeper(BaseModel, frozen=True):
    """keeper.json: which process, and when it was born."""

    process: Identity | None = None


class Known(BaseModel, frozen=True):
    """state.json."""

    process: Identity | None = None  # the command itself, leader of its process group
    started: Seconds | None = None
    ended: Seconds | None = None
    status: int | None = None


@dataclass(frozen=True)
class Job:
    """One command that was asked for, as it stood when its folder was read."""

    folder: Path
    command: str
    arguments: tuple[str, ...]
    lane: str
    asked: float
    keeper: tuple[int, float] | None  # (process number, time of birth)
    process: tuple[int, float] | None = None  # the command itself, leader of its process group
    started: float | None = None
    ended: float | None = None
    status: int | None = None  # exit status; below 0: killed by that signal
    stop_asked: bool = False
    kill_asked: bool = False
    gone: bool = False  # nobody works at it any more
    orphaned: bool = False  # the command works on, and its keeper was killed

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def title(self) -> str:
        return commands.title(self.command, self.arguments)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def stop_file(self) -> Path:
        return self.folder / "stop"

    @property
    def progress_file(self) -> Path:
        return self.folder / "progress.json"

    @property
    def standing(self) -> Standing:
        """How far it is."""
        return read_standing(self.progress_file)

    @property
    def over(self) -> bool:
        return self.ended is not None or self.gone

    @property
    def state(self) -> State:
        """In one word what became of it."""
        if not self.over:
            return "running" if self.started else "queued"
        if self.status == 0:
            return "done"
        if self.kill_asked and self.started:
            return "killed"
        if self.stop_asked:
            return "cancelled"
        return "vanished" if self.ended is None else "failed"

    @property
    def seconds(self) -> float:
        """How long it ran, or has run until now."""
        if self.started is None:
            return 0.0
        return max(0.0, (self.ended or (time.time() if not self.gone else self._last_word())) - self.started)

    def _last_word(self) -> float:
        return self.log.stat().st_mtime if self.log.exists() else self.started or 0.0

    def tail(self, *, limit_bytes: int = TAIL_BYTES) -> str:
        """The end of the log as a terminal would show it, whole lines, with its ANSI colours."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, 2)
                log.seek(max(0, size - limit_bytes))
                end = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return what_is_left(end if size <= limit_bytes else end.partition("\n")[2] or end)


def folder_of(paths: Paths) -> Path:
    """Where the jobs lie."""
    return paths.logs / "jobs"


def read(folder: Path) -> Job:
    """The job in `folder`. Raises SharpcamError where its files are broken."""
    try:
        request = Request.model_validate_json((folder / "request.json").read_bytes())
        keeper = Keeper.model_validate_json(_optional(folder / "keeper.json")).process
        works = is_held(folder / LOCK)  # asked before the state is read: a keeper's last word is its state
        state = Known.model_validate_json(_optional(folder / "state.json"))
        job = Job(
            folder,
            **dict(request),
            keeper=keeper,
            **dict(state),
            stop_asked=(folder / "stop").exists(),
            kill_asked=(folder / "kill").exists(),
            gone=not works,
            orphaned=works and (keeper is None or process_is_gone(*keeper)),
        )
    except (OSError, ValueError):  # a ValidationError is one
        raise SharpcamError(f"{folder} is not a job that can be read. Remove that folder.") from None
    return job


def _optional(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b"{}"


def is_held(lock: Path) -> bool:
    """Whether a process holds that lock file."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it cannot be read
        return False
    return False


def jobs(paths: Paths) -> list[Job]:
    """The jobs, the newest first."""
    return list(newest(paths))


def newest(paths: Paths) -> Iterator[Job]:
    """Read the jobs one by one, the newest first; a folder that cannot be read is passed over."""
    for folder in reversed(job_folders(paths)):
        with suppress(SharpcamError):
            yield read(folder)


def job_folders(paths: Paths) -> list[Path]:
    """The folder of each job, the oldest first."""
    home = folder_of(paths)
    names = [entry.name for entry in home.iterdir()] if home.is_dir() else []
    return [home / name for name in sorted(names) if re.fullmatch(r"\d{6,}", name)]


def unfinished(paths: Paths, *, lane: str | None = None) -> list[Job]:
    """The jobs that run or wait, the oldest first."""
    found = [job for job in jobs(paths) if not job.over and lane in (None, job.lane)]
    return found[::-1]


def find(number: int, paths: Paths) -> Job:
    """The job of that number. Raises SharpcamError where there is none."""
    folder = folder_of(paths) / f"{number:06d}"
    if not folder.is_dir():
        raise SharpcamError(f"There is no job {number}. The history lists those there are.")
    return read(folder)
