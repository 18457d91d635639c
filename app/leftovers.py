"""Servers that outlived the launcher that started them: it was killed, and could not stop them.

Each server leads a process group, which ends as a whole: its workers would go on without it, and keep its port.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel, ValidationError

from pipeline.core.command import Identity, process_is_gone
from pipeline.core.files import recall_json, write_json

NOTES, SUFFIX = Path("logs"), ".pid.json"
PATIENCE_S = 10


class Note(BaseModel, frozen=True):
    """Who started a server, which one, and the folder of the note."""

    launcher: Identity
    server: Identity
    folder: tuple[int, int]


def remember(name: str, server: int) -> None:
    """Note that this process has started the `server`, by number."""
    known = Note(launcher=_identity(os.getpid()), server=_identity(server), folder=_folder())
    write_json(_note(name), known.model_dump(), synced=False)


def forget(name: str) -> None:
    """The server was stopped."""
    _note(name).unlink(missing_ok=True)


def end_leftovers(name: str) -> bool:
    """End what is left of servers of that name whose launchers are gone; gives whether there was something.

    A copied project has the notes of the original, whose servers are none of its business.
    """
    found = False
    for note in NOTES.glob(f"{name}-*{SUFFIX}"):
        with suppress(ValidationError):  # half a note, or another version's
            known = Note.model_validate(recall_json(note))
            if known.folder == _folder():
                if not process_is_gone(*known.launcher):
                    continue
                found |= not _is_anothers(*known.server) and end_group(known.server[0])
        note.unlink(missing_ok=True)
    return found


def end_group(leader: int) -> bool:
    """End the process group of that number, at first by asking; gives whether there was one."""
    there = bool(_members(leader))
    for by in (signal.SIGTERM, signal.SIGKILL):
        give_up = time.monotonic() + PATIENCE_S
        with suppress(ProcessLookupError):
            os.killpg(leader, by)
        while _members(leader) and time.monotonic() < give_up:
            time.sleep(0.1)
    return there


def _members(leader: int) -> list[int]:
    """Who of the group still works: what has ended and was not asked for yet stays in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _is_anothers(leader: int, born: float) -> bool:
    """Whether the number has been given to another process since. A group keeps that of its leader as long as it is."""
    return psutil.pid_exists(leader) and process_is_gone(leader, born)


def _identity(pid: int) -> Identity:
    return pid, psutil.Process(pid).create_time()


def _folder() -> tuple[int, int]:
    """What tells the folder of the notes from a copy of it, and stays where it is moved."""
    known = NOTES.stat()
    return known.st_dev, known.st_ino


def _note(name: str) -> Path:
    return NOTES / f"{name}-{os.getpid()}{SUFFIX}"
