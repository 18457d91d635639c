"""Damaged recordings from DVC's cache, where that still has them as they were recorded."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.core.clip_hashes import changed_files, noted_hashes
from pipeline.core.clips import find_clips
from pipeline.core.command import no_stage_runs
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.hashing import sha256_of_bytes
from pipeline.core.paths import Paths
from pipeline.verify.parts import cached_objects


def restore(paths: Paths) -> Iterator[Path]:
    """Take what is damaged or missing in recordings from DVC's cache; gives each file that is whole again.

    A file is taken only where it has the hash that was noted; the damaged one moves to .cache/damaged.
    """
    with no_stage_runs(paths):
        wanted = {clip / name: noted_hashes(clip) for clip in _readable(paths) for name in changed_files(clip)}
        for file, noted in wanted.items():
            if (whole := _whole_object(file, noted.get(file.name, ""), paths)) is None:
                continue
            if file.exists():
                away = paths.cache / "damaged" / f"{file.parent.name} {time.time_ns()} {file.name}"
                away.parent.mkdir(parents=True, exist_ok=True)
                file.replace(away)
            write_bytes(file, whole)
            yield file


def _readable(paths: Paths) -> Iterator[Path]:
    """The recordings whose note can be read."""
    for clip in find_clips(paths.raw):
        with suppress(SharpcamError):
            noted_hashes(clip)
            yield clip


def _whole_object(file: Path, hashed: str, paths: Paths) -> bytes | None:
    """The bytes of a recording's file in any version of the data that DVC keeps."""
    place = f"{file.parent.name}/{file.name}"
    for listing in sorted(cached_objects(paths).glob("??/*.dir")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            for entry in json.loads(listing.read_bytes()):
                if entry["relpath"] == place:
                    data: bytes = (cached_objects(paths) / entry["md5"][:2] / entry["md5"][2:]).read_bytes()
                    if sha256_of_bytes(data) == hashed:
                        return data
    return None
