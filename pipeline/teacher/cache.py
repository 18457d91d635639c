"""What slow steps gave, kept within a size limit, so that a change of sharpening does not run the networks again."""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.files import write_bytes
from pipeline.teacher.step import Picture


@dataclass(frozen=True)
class StepCache:
    """Float32 pictures in a folder, by key; those unused longest go when `limit_bytes` is reached.

    Pictures whose key begins with one of `wanted` stay: else, of more pictures than there is room for, each would
    have to go just before its turn comes again.
    """

    folder: Path
    limit_bytes: int
    wanted: frozenset[str] = frozenset()

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.npy"

    def get(self, key: str) -> Picture | None:
        """The picture under `key`, or None."""
        file = self._file(key)
        try:
            picture: Picture = np.load(file, allow_pickle=False)
            os.utime(file)
        except (OSError, ValueError, EOFError):
            return None
        return picture

    def put(self, key: str, picture: Picture) -> None:
        """Keep `picture` under `key` if there is room for it, or can be made."""
        buffer = io.BytesIO()
        np.save(buffer, picture)
        if self._make_room(buffer.tell()):
            with suppress(OSError):  # a full disk is no reason to lose the frame: the cache only saves time
                write_bytes(self._file(key), buffer.getvalue(), synced=False)

    def _make_room(self, needed_bytes: int) -> bool:
        """Remove pictures until `needed_bytes` more are within the limit; whether they are."""
        if needed_bytes > self.limit_bytes:
            return False
        kept = sorted(self._kept())
        used = sum(size for _, size, _ in kept)
        for _, size, file in kept:
            if used + needed_bytes <= self.limit_bytes:
                break
            if not file.name.startswith(tuple(self.wanted)):
                file.unlink(missing_ok=True)
                used -= size
        return used + needed_bytes <= self.limit_bytes

    def _kept(self) -> Iterator[tuple[int, int, Path]]:
        """Time of last use, bytes and path of every file; another process may be removing them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for entry in os.scandir(self.folder):
            with suppress(FileNotFoundError):
                status = entry.stat()
                yield status.st_mtime_ns, status.st_size, Path(entry.path)
