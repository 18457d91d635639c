"""What slow steps gave, kept within a size limit, so that a change of sharpening does not run the networks again."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.files import write_bytes
from pipeline.steps import Picture


@dataclass(frozen=True)
class StepCache:
    """Float32 pictures in a folder, by key; those unused longest go when `limit_bytes` is reached."""

    folder: Path
    limit_bytes: int

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.npy"

    def get(self, key: str) -> Picture | None:
        """The picture under `key`, or None."""
        file = self._file(key)
        try:
            picture: Picture = np.load(file, allow_pickle=False)
            os.utime(file)
        except (OSError, ValueError):
            return None
        return picture

    def put(self, key: str, picture: Picture) -> None:
        """Keep `picture` under `key`, unless it alone is over the limit."""
        if picture.nbytes > self.limit_bytes:
            return
        self._make_room(picture.nbytes)
        buffer = io.BytesIO()
        np.save(buffer, picture)
        write_bytes(self._file(key), buffer.getvalue())

    def _make_room(self, needed_bytes: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = sorted((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in os.scandir(self.folder))
        used = sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if used + needed_bytes <= self.limit_bytes:
                return
            Path(path).unlink(missing_ok=True)
            used -= size
