"""DVC's versions of the data sets: what dvc.lock names, what the cache still lists, and what changed between two."""

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.dvc_files import last_runs, stages_in
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

MOST = 50
MD5 = re.compile(r"([0-9a-f]{2})([0-9a-f]{30})(\.dir)?")
MARKS = {"data/raw": "clip.json", "data/teacher": "chain.json"}  # files that only this data set has


@dataclass(frozen=True)
class Version:
    """One version of a data set."""

    md5: str
    title: str  # where it is known from, for people


@dataclass(frozen=True)
class Changes:
    """Files of a newer version against an older one."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)


def current(paths: Paths) -> dict[str, dict[str, Any]]:
    """Data set -> what dvc.lock says of it: md5, size in bytes, number of files."""
    return _data_sets(last_runs(paths))


def _data_sets(stages: dict[str, Any]) -> dict[str, dict[str, Any]]:
    outs = (out for stage in stages.values() for out in stage.get("outs", []))
    return {out["path"]: out for out in outs if out["path"].startswith("data/") and "md5" in out}


def earlier(data_set: str, paths: Paths) -> list[Version]:
    """Versions to compare with: of the commits that changed dvc.lock, then those that only DVC's cache still lists."""
    by_commit = [version for each in commits(paths) if (version := _at(each, data_set, paths))]
    known = {version.md5 for version in by_commit}
    return by_commit + [version for version in cached(data_set, paths) if version.md5 not in known]


def commits(paths: Paths) -> list[tuple[str, str]]:
    """(hash, "date subject") of the last commits that changed dvc.lock, the newest first."""
    log = _git(paths.root, "log", f"-{MOST}", "--format=%H%x09%ad %s", "--date=short", "--", "dvc.lock")
    return [(line.partition("\t")[0], line.partition("\t")[2]) for line in log.decode("utf-8", "replace").splitlines()]


def _at(commit: tuple[str, str], data_set: str, paths: Paths) -> Version | None:
    found = _data_sets_of(commit[0], paths.root).get(data_set)
    return Version(found["md5"], f"commit {commit[0][:7]}, {commit[1]}") if found else None


@lru_cache(maxsize=2 * MOST)
def _data_sets_of(commit: str, root: Path) -> dict[str, dict[str, Any]]:
    try:
        return _data_sets(stages_in(_git(root, "show", "--end-of-options", f"{commit}:./dvc.lock"), name="dvc.lock"))
    except SharpcamError:  # broken in that commit
        return {}


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def cached(data_set: str, paths: Paths) -> list[Version]:
    """The versions of a data set of clips that DVC's cache lists, the newest first; one without a mark has none."""
    if data_set not in MARKS:
        return []
    listings = sorted((cache(paths)).glob("??/*.dir"), key=lambda file: -file.stat().st_mtime)[:MOST]
    return [
        Version(file.parent.name + file.name, f"recorded {_date(file)}")
        for file in listings
        if any(name.endswith(f"/{MARKS[data_set]}") for name in _read_listing(file))
    ]


def _date(file: Path) -> str:
    return datetime.fromtimestamp(file.stat().st_mtime).strftime("%Y-%m-%d %H:%M")


def cache(paths: Paths) -> Path:
    """Where DVC keeps contents by their md5."""
    return paths.root / ".dvc/cache/files/md5"


def is_here(md5: str, paths: Paths) -> bool:
    """Whether DVC's cache can say what is in a version."""
    return MD5.fullmatch(md5) is not None and _listing_file(md5, paths).is_file()


def _listing_file(md5: str, paths: Paths) -> Path:
    return cache(paths) / md5[:2] / md5[2:]


def listing(md5: str, paths: Paths) -> dict[str, str]:
    """File -> md5 in a version of a data set. Raises SharpcamError where the cache has it no more."""
    file = _listing_file(md5, paths)
    if not is_here(md5, paths):
        raise SharpcamError(
            f'DVC\'s cache has no listing of version {md5[:8]}. "dvc fetch" brings it where a remote has it.'
        )
    return _read_listing(file)


@lru_cache(maxsize=2 * MOST)
def _read_listing(file: Path) -> dict[str, str]:
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(file.read_bytes())}
    except (ValueError, KeyError, TypeError):
        return {}


def changes(old: dict[str, str], new: dict[str, str]) -> Changes:
    """What is in `new` and not in `old`, the other way round, and what is another file under the same name."""
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(name for name in new.keys() & old.keys() if new[name] != old[name])),
    )


def by_clip(found: Changes) -> list[dict[str, Any]]:
    """One row for each clip that changed, with the number of files."""
    rows: dict[str, dict[str, Any]] = {}
    for what in ("added", "removed", "changed"):
        for name in getattr(found, what):
            clip = name.partition("/")[0]
            row = rows.setdefault(clip, {"clip": clip, "added": 0, "removed": 0, "changed": 0})
            row[what] += 1
    return [rows[clip] for clip in sorted(rows)]
