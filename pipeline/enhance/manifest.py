"""Which outputs of a folder are finished, of what and by what: a killed or repeated call goes on from there."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.core.files import told_of
from pipeline.core.hashing import sha256, sha256_of_json
from pipeline.enhance.names import MANIFEST
from pipeline.enhance.tasks import Task


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
