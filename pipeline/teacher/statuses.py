"""What is known of every teacher frame: the log that outlives a kill."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_bytes
from pipeline.core.hashing import sha256_of_bytes
from pipeline.core.paths import Paths
from pipeline.teacher.executor import Finished, Job


@dataclass(frozen=True)
class Status:
    """What became of one frame: a line in logs/teacher.jsonl."""

    frame: str  # clip/stem
    key: str  # hash of the raw bytes and the recipe
    output: str  # sha256 of the picture written
    glitches: tuple[str, ...]
    seconds: float


def log_file(paths: Paths) -> Path:
    """Where each frame is noted once it is written."""
    return paths.logs / "teacher.jsonl"


def read_statuses(paths: Paths) -> dict[str, Status]:
    """What is known to be done, by key: from what travels with the pictures, so that a clone that pulled them or a clip
    under another name computes none again, and from the log, which also knows the frames of a stage that was killed."""
    return {status.key: status for status in (*_statuses_beside(paths), *_statuses_logged(log_file(paths)))}


def _statuses_beside(paths: Paths) -> Iterator[Status]:
    for recipe in paths.teacher.glob("*/chain.json"):
        with suppress(SharpcamError, KeyError, TypeError, ValueError, AttributeError):
            content = read_json(recipe, made_by="teacher")
            for stem, (key, output) in content["frames"].items():
                glitches = tuple(content["kept_out"].get(stem, ()))
                yield Status(f"{recipe.parent.name}/{stem}", str(key), str(output), glitches, 0.0)


def _statuses_logged(log: Path) -> Iterator[Status]:
    """Line by line; one that a kill cut off is passed over."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []:
        with suppress(ValueError, KeyError, TypeError):
            fields = json.loads(line)
            yield Status(**fields | {"key": str(fields["key"]), "glitches": tuple(fields["glitches"])})


def end_cut_line(log: Path, lines: Any) -> None:
    """Start on a line of its own after a kill in the middle of one."""
    if log.stat().st_size and not log.read_bytes().endswith(b"\n"):
        lines.write("\n")


def status_of(job: Job, finished: Finished) -> Status:
    write_bytes(job.output, finished.png, synced=False)  # the log has its hash
    output = sha256_of_bytes(finished.png)
    return Status(job.name, job.key, output, finished.glitches, round(finished.seconds, 3))
