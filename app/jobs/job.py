"""What is known of a job, read from its folder: nothing about it is kept in the memory of any server.

request.json (what was asked for) and keeper.json (which process keeps it) are written once by `start`, state.json only
by the keeper, and the empty files `stop` and `kill` by who cancels. So no file has two writers.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.jobs import commands
from app.jobs.progress import Standing, read_standing
from pipeline.core.command import process_is_gone
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json
from pipeline.core.paths import Paths

State = Literal["queued", "running", "done", "failed", "cancelled", "killed", "vanished"]
SENTENCES: dict[State, str] = {
    "queued": "waits for its turn",
    "running": "runs",
    "done": "ended well",
    "failed": "failed",
    "cancelled": "was stopped; what was done is kept",
    "killed": "was killed; what was done until then is kept",
    "vanished": "vanished: its process is gone and left no exit status (the machine was restarted, or its memory was "
    "full). What was done is kept; run it again",
}
TAIL_BYTES = 64_000


@dataclass(frozen=True)
class Job:
    """One command that was asked for, as it stood when its folder was read."""

    folder: Path
    command: str
    arguments: tuple[str, ...]
    lane: str
    asked: float  # seconds since 1970, as all times here
    keeper: tuple[int, float] | None  # (process number, time of birth)
    process: tuple[int, float] | None = None  # the command itself, leader of its process group
    started: float | None = None
    ended: float | None = None
    status: int | None = None  # exit status; below 0: killed by that signal
    stop_asked: bool = False
    kill_asked: bool = False
    gone: bool = False  # neither keeper nor command is there any more

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
        if self.ended is None:
            return "vanished" if self.gone else "running" if self.started else "queued"
        if self.status == 0:
            return "done"
        if self.kill_asked and self.started:
            return "killed"
        return "cancelled" if self.stop_asked else "failed"

    @property
    def seconds(self) -> float:
        """How long it ran, or has run until now."""
        if self.started is None:
            return 0.0
        return max(0.0, (self.ended or (time.time() if not self.gone else self._last_word())) - self.started)

    def _last_word(self) -> float:
        return self.log.stat().st_mtime if self.log.exists() else self.started or 0.0

    def tail(self, *, limit_bytes: int = TAIL_BYTES) -> str:
        """The end of the log, whole lines, with its ANSI colours."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, 2)
                log.seek(max(0, size - limit_bytes))
                end = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return end if size <= limit_bytes else end.partition("\n")[2]


def folder_of(paths: Paths) -> Path:
    """Where the jobs lie."""
    return paths.logs / "jobs"


def read(folder: Path) -> Job:
    """The job in `folder`. Raises SharpcamError where its files are broken."""
    try:
        request = recall_json(folder / "request.json")
        keeper = _pair(_optional(folder / "keeper.json").get("process"))
        keeper_gone = _gone(keeper)  # asked before the state is read: a keeper's last word is its state
        state = _optional(folder / "state.json")
        process = _pair(state.get("process"))
        known = {key: state[key] for key in ("started", "ended", "status") if state.get(key) is not None}
        job = Job(
            folder,
            request["command"],
            tuple(request["arguments"]),
            request["lane"],
            request["asked"],
            keeper,
            process,
            stop_asked=(folder / "stop").exists(),
            kill_asked=(folder / "kill").exists(),
            gone=keeper_gone and _gone(process),
            **known,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SharpcamError(f"{folder} is no job that can be read. Remove that folder.") from None
    return job


def _optional(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return dict(content)


def _pair(numbers: Any) -> tuple[int, float] | None:
    return None if numbers is None else (int(numbers[0]), float(numbers[1]))


def _gone(process: tuple[int, float] | None) -> bool:
    return process is None or process_is_gone(*process)


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
