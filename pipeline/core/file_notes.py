"""What was worked out from files, such as their hashes: worked out again only where a file changed.

`python -m pipeline.verify` reads every file: damage that a disk does by itself changes neither.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.core.files import recall_json, write_json


class FileNotes:
    """Texts by file, kept in the JSON file `note`; all of them are forgotten where `given` is another than then."""

    def __init__(self, note: Path, *, given: str = "") -> None:
        self.note, self.given = note, given
        known = recall_json(note)
        entries = known.get("files") if known.get("given") == given else None
        self._before = entries if isinstance(entries, dict) else {}
        self._now: dict[str, list[object]] = {}

    def of(self, file: Path, work: Callable[[Path], str]) -> str:
        """What `work` gives for `file`. Raises FileNotFoundError, and what `work` raises."""
        status = file.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = self._before.get(file.name)
        if isinstance(known, list) and known[:2] == stamp and len(known) == 3 and isinstance(known[2], str):
            found = known[2]
        else:
            found = work(file)
        self._now[file.name] = [*stamp, found]
        return found

    def keep(self) -> None:
        """Note what was asked for since the start, and forget other files."""
        if self._now != self._before:
            with suppress(OSError):  # a full disk: it is worked out again
                write_json(self.note, {"given": self.given, "files": self._now}, synced=False)
