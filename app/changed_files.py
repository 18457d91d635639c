"""Which files are others than when a stage last ran: DVC's own answer, found off the page and without DVC's lock.

python -m app.changed_files

`dvc status` fails while a stage runs, and importing DVC takes seconds. Here a process of its own asks each dependency
and output, which reads only; DVC keeps what it hashed by time and size, so that only files that changed are read.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.dvc_files import outputs, recipes
from pipeline.core.files import recall_json, write_json
from pipeline.core.hashing import sha256_of_text
from pipeline.core.paths import Paths

OLDEST_S = 120  # a frame written over in place changes no folder's time; so ask again after that
_checks: dict[Path, "subprocess.Popen[bytes]"] = {}  # by project; one at a time


@dataclass(frozen=True)
class ChangedFiles:
    """The last answer. Without one, nothing is known to have changed."""

    asked: float = 0.0  # seconds since 1970
    stages: dict[str, dict[str, str]] | None = None  # stage -> path -> modified | deleted | new | not in cache
    error: str = ""
    checking: bool = False  # a newer answer is on its way


def latest(paths: Paths, *, busy: bool) -> ChangedFiles:
    """The last answer; where it is out of date, a new one is asked for, but not while a stage is writing (`busy`)."""
    known = _read(paths)
    running = _checks.get(paths.root.absolute())
    checking = running is not None and running.poll() is None
    outdated = known.get("stamp") != stamp(paths) or time.time() - known.get("asked", 0.0) > OLDEST_S
    if outdated and not checking and not busy:
        _checks[paths.root.absolute()] = subprocess.Popen(
            [sys.executable, "-m", "app.changed_files"],
            cwd=paths.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        checking = True
    return ChangedFiles(known.get("asked", 0.0), known.get("stages"), known.get("error", ""), checking)


def stamp(paths: Paths) -> str:
    """What changes with any file that a stage reads or writes, or with any folder in which one appears or goes.

    Of what lies in folders only code is looked at file by file: clips hold thousands of frames.
    """
    read_or_written = {
        path for recipe in recipes(paths).values() for path in [*recipe.get("deps", []), *outputs(recipe)]
    }
    looked_at = sorted(read_or_written | {"dvc.yaml", "dvc.lock", ".dvcignore"})
    places = (place for path in looked_at for place in _with_contents(paths.root / path))
    return sha256_of_text("".join(f"{place.relative_to(paths.root)} {_time_and_size(place)}\n" for place in places))


def _with_contents(path: Path) -> list[Path]:
    inside = []
    with suppress(OSError):  # no folder, or removed at this very moment
        inside = [Path(entry) for entry in os.scandir(path) if entry.is_dir() or entry.name.endswith(".py")]
    return [path, *sorted(inside)]


def _time_and_size(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _answer_file(paths: Paths) -> Path:
    return paths.cache / "changed_files.json"


def _read(paths: Paths) -> dict[str, Any]:
    return recall_json(_answer_file(paths))


def ask_dvc(root: Path) -> dict[str, dict[str, str]]:
    """For each stage what DVC says of its dependencies and outputs; parameters are compared elsewhere."""
    from dvc.dependency.param import ParamsDependency
    from dvc.repo import Repo

    answer: dict[str, dict[str, str]] = {}
    with Repo(str(root)) as repo:
        for stage in repo.index.stages:
            files = [file for file in stage.deps if not isinstance(file, ParamsDependency)]
            answer[stage.addressing] = {
                path: str(state)
                for entry in [*(file.workspace_status() for file in files), *(out.status() for out in stage.outs)]
                for path, state in entry.items()
            }
    return answer


def main() -> None:
    """Ask, and write the answer where pages find it."""
    os.nice(10)
    paths = Paths()
    answer: dict[str, Any] = {"stamp": stamp(paths), "asked": time.time()}
    try:
        answer["stages"] = ask_dvc(paths.root.absolute())
    except Exception as error:  # whatever DVC raises: the page says it in a sentence
        answer["error"] = " ".join(str(error).split())[:300] or type(error).__name__
    write_json(_answer_file(paths), answer)


if __name__ == "__main__":
    main()
