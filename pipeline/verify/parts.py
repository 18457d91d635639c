"""What is verified: a table of parts, each with what to look at in it and the next step where that is damaged."""

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.core.clip_hashes import HASHES, fault_of, noted_hashes
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256
from pipeline.core.paths import Paths
from pipeline.student.catalogue import bundled_contracts, float_sha256, read_contract
from pipeline.teacher.weight_files import FILES, accepted
from pipeline.tracking import registry
from pipeline.tracking.client import database_file

OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")  # in DVC's cache, below the first two digits of its MD5
CHANGED = "was changed or damaged"


@dataclass(frozen=True)
class Check:
    """One file to look at, or what is looked at like one."""

    where: str  # what is mended as one: a clip, a folder, a version
    name: str
    fault: Callable[[], str]  # what is wrong with it; nothing where it is well


@dataclass(frozen=True)
class Part:
    """A kind of thing that is looked at."""

    checks: Callable[[Paths], Iterator[Check]]
    remedy: str  # the next step; {where} is what the check named


def recordings(paths: Paths) -> Iterator[Check]:
    """Each file of data/raw against the hash that was noted of it."""
    for clip in find_clips(paths.raw):
        try:
            noted = noted_hashes(clip)
        except SharpcamError:
            yield Check(str(clip), HASHES, lambda: "cannot be read")
            continue
        for file in sorted({clip / name for name in noted}.union(find_frames(clip))) if noted else ():
            yield Check(str(clip), file.name, partial(fault_of, file, noted))


def teacher_pictures(paths: Paths) -> Iterator[Check]:
    """Each picture of data/teacher against the hash in its chain.json."""
    for clip in find_clips(paths.teacher):
        noted = noted_hashes(clip)
        for name in sorted(noted):
            yield Check(str(clip), name, partial(fault_of, clip / name, noted))


def dvc_cache(paths: Paths) -> Iterator[Check]:
    """Each object against the MD5 that it is named by, which DVC itself believes unread."""
    for file in sorted(cached_objects(paths).glob("??/*")):
        if OBJECT.fullmatch(file.name):
            yield Check(str(cached_objects(paths)), f"{file.parent.name}/{file.name}", partial(_fault_of_object, file))


def cached_objects(paths: Paths) -> Path:
    """Where DVC keeps its objects, each under its MD5."""
    return paths.root / ".dvc/cache/files/md5"


def _fault_of_object(file: Path) -> str:
    with file.open("rb") as handle:
        found = hashlib.file_digest(handle, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    return "" if found == file.parent.name + file.name.removesuffix(".dir") else CHANGED


def database(_: Paths) -> Iterator[Check]:
    """MLflow's database, by SQLite's own check."""
    if (file := database_file()) is not None and file.exists():
        yield Check(str(file), "the database", partial(_fault_of_database, file))


def _fault_of_database(file: Path) -> str:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            (answer,) = opened.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return f"cannot be read ({error})"
    return "" if answer == "ok" else f"is damaged ({answer})"


def registered(paths: Paths) -> Iterator[Check]:
    """Each version in MLflow: its files against its contract, that against the registry; not those of a server."""
    if (file := database_file()) is None or not file.exists():
        return
    with suppress(SharpcamError):  # the database has a check of its own
        for version in registry.versions(paths):
            yield Check(f"version {version.number} of {registry.NAME}", "", partial(_fault_of_version, version, paths))


def _fault_of_version(version: registry.Version, paths: Paths) -> str:
    with TemporaryDirectory() as folder:
        try:
            contract = registry.download(version.number, Path(folder)) / paths.contract.name
            if not contract.is_file():
                return "has no contract"
            if float_sha256(read_contract(contract)) != version.onnx_sha256:
                return "holds other files than it was registered with"
        except SharpcamError:
            return "has no files that can be read"
        faults = [f"holds a damaged {check.name}" for check in _of_contract(contract) if check.fault()]
        return next(iter(faults), "")


def _of_contract(contract: Path) -> Iterator[Check]:
    """Each file that a contract names."""
    where = str(contract.parent)
    try:
        content = read_contract(contract)
    except SharpcamError:
        yield Check(where, contract.name, lambda: "cannot be read")
        return
    noted = dict(content["files"])
    weights = contract.with_suffix(".pth")
    if weights.is_file() and isinstance(content.get("weights_sha256"), str):
        noted[weights.name] = content["weights_sha256"]
    for name in noted:
        yield Check(where, name, partial(fault_of, contract.with_name(name), noted))


def laid_out(paths: Paths) -> Iterator[Check]:
    """The students in weights/registry."""
    for contract in sorted(paths.registry.glob("*/*.json")):
        yield from _of_contract(contract)


def own_student(paths: Paths) -> Iterator[Check]:
    """The student that this project trained."""
    if paths.contract.exists():
        yield from _of_contract(paths.contract)


def bundled(paths: Paths) -> Iterator[Check]:
    """The students that come with sharpcam, and the network of others."""
    for contract in bundled_contracts(paths.bundled):
        yield from _of_contract(contract)
    yield from _published(paths.bundled)


def downloads(paths: Paths) -> Iterator[Check]:
    """The weights of others' networks that were downloaded, or put there by hand."""
    yield from _published(paths.downloads)


def _published(folder: Path) -> Iterator[Check]:
    for name, file in FILES.items():
        if (folder / name).is_file():
            yield Check(str(folder), name, partial(_fault_of_published, folder / name, file.sha256))


def _fault_of_published(file: Path, hashed: str) -> str:
    with suppress(SharpcamError):
        if sha256(file) in (hashed, accepted(file.parent).get(file.name)):
            return ""
    return CHANGED


PARTS = {
    "recordings": Part(recordings, ""),  # what is right of one is for a person to know: `restore_or_accept`
    "teacher": Part(
        teacher_pictures, 'Run "dvc repro --single-item --force teacher": it computes again only what is not whole.'
    ),
    "DVC's cache": Part(
        dvc_cache,
        'Move that file out of {where}; then "dvc fetch" brings it from a remote, or "dvc commit" takes it from the '
        "working folder, once nothing is found there.",
    ),
    "database": Part(
        database,
        'Move {where} away and put one from a backup in its place; "sqlite3 FILE .recover" reads the rest.',
    ),
    "registry": Part(registered, "Put its files back from a backup, or promote another version."),
    "students laid out": Part(laid_out, "Move {where} away: it is laid out again when that student is next used."),
    "student": Part(own_student, 'Run "dvc repro --single-item --force export", or "dvc pull" to fetch it.'),
    "weights that ship": Part(bundled, 'Bring that file back with "git checkout", or install sharpcam again.'),
    "downloads": Part(downloads, 'Move that file away and run "python -m pipeline.weights get all".'),
}
