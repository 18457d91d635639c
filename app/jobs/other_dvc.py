"""Whether somebody runs dvc in this project, in a terminal: DVC refuses to run twice at once, so a job waits for it.

Read from what DVC notes of itself in .dvc/tmp. Of that only a note goes that a killed dvc has written by half: DVC
would refuse to run from then on.

python -m app.jobs.other_dvc     remove such a note, before dvc is run in a terminal
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.core.files import recall_json
from pipeline.core.paths import Paths

NOTES = ".dvc/tmp"


def forget_half_a_note(paths: Paths) -> None:
    """Remove DVC's note of who reads and writes what, where a kill has left half of it. DVC's guard of it is held."""
    file = paths.root / NOTES / "rwlock"
    if not file.exists():
        return
    with file.with_name("rwlock.lock").open("ab") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        try:
            json.loads(file.read_bytes())
        except ValueError:
            file.unlink()


def other_dvc(paths: Paths) -> list[int]:
    """The processes that hold DVC's locks in this project, by number, without those that a killed dvc left there."""
    notes = paths.root / NOTES
    return sorted({number for number in (*_lock(notes / "lock"), *_rwlock(notes / "rwlock")) if _is_dvc(number)})


def _lock(file: Path) -> Iterator[int]:
    """Who locks the whole project, or last did."""
    with suppress(OSError, ValueError):
        yield int(file.read_text(encoding="utf-8"))


def _rwlock(file: Path) -> Iterator[int]:
    """Who reads or writes single files, as while a stage runs."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        known = recall_json(file)
        for holder in known.get("write", {}).values():
            yield int(holder["pid"])
        for holders in known.get("read", {}).values():
            yield from (int(holder["pid"]) for holder in holders)


def _is_dvc(number: int) -> bool:
    """Whether that process is there and is a dvc: the system may have given its number to another one."""
    try:
        return any(Path(word).name == "dvc" for word in psutil.Process(number).cmdline())
    except (psutil.Error, ValueError):  # a ValueError: it is no number of a process
        return False


if __name__ == "__main__":
    forget_half_a_note(Paths())
