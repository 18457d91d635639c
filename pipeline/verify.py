"""Verify all that is not to change: recordings, the teacher's pictures, caches, weights, the registry, the database.

python -m pipeline.verify             looks at every file
python -m pipeline.verify --restore   first takes damaged recordings from DVC's cache

Gives 1 where something is damaged. Nothing is ever removed: what is replaced lies in .cache/damaged afterwards.
"""

import hashlib
import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.core.clip_hashes import HASHES, changed_files, fault_of, noted_hashes, restore_or_accept
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.command import none_runs, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_bytes, write_json
from pipeline.core.hashing import sha256, sha256_of_bytes
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import progress
from pipeline.student.catalogue import bundled_contracts, float_sha256, read_contract
from pipeline.teacher.weight_files import FILES, accepted
from pipeline.tracking import registry
from pipeline.tracking.client import database_file
from pipeline.train.frame_cache import Store, stores

OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")  # in DVC's cache, below the first two digits of its MD5
CHANGED = "was changed or damaged"
USERS = ("capture", "teacher", "split", "train", "export", "evaluate")  # stages that read or write recordings


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


@dataclass(frozen=True)
class Finding:
    """What is damaged in one place, and the next step."""

    where: str
    faults: tuple[tuple[str, str], ...]  # (name, what is wrong)
    looked_at: int  # in that place
    remedy: str

    def sentence(self) -> str:
        """For people."""
        (name, fault), *more = self.faults
        rest = f"; {len(self.faults)} of {self.looked_at} are not well" if more else ""
        return f"{self.where}: {name} {fault}{rest}"


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
    for file in sorted(_objects(paths).glob("??/*")):
        if OBJECT.fullmatch(file.name):
            yield Check(str(_objects(paths)), f"{file.parent.name}/{file.name}", partial(_fault_of_object, file))


def _objects(paths: Paths) -> Path:
    return paths.root / ".dvc/cache/files/md5"


def _fault_of_object(file: Path) -> str:
    with file.open("rb") as handle:
        found = hashlib.file_digest(handle, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    return "" if found == file.parent.name + file.name.removesuffix(".dir") else CHANGED


def decoded_frames(paths: Paths) -> Iterator[Check]:
    """Each decoded frame against what its file gives now."""
    if not (paths.cache / "frames").is_dir():
        return
    for store in stores(paths, load_params(paths.params).geometry):
        for file, slot in store.held().items():
            yield Check(str(store.data), f"{file.parent.name}/{file.stem}", partial(_fault_of_slot, store, file, slot))


def _fault_of_slot(store: Store, file: Path, slot: int) -> str:
    try:
        return "" if store.is_as_decoded(file, slot) else "is not what its file holds"
    except SharpcamError:  # the file is at fault, and has a check of its own
        return ""


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
    "decoded frames": Part(
        decoded_frames,
        'Run "python -m pipeline.cleanup" and "python -m pipeline.cleanup --remove frames": the next training decodes '
        "them again.",
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


def verify(paths: Paths) -> list[Finding]:
    """Look at everything; gives what is damaged, in the order of PARTS, and notes for the doctor how it went."""
    checks = [(part, check) for part in PARTS.values() for check in part.checks(paths)]
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    looked_at: dict[tuple[str, str], int] = {}
    for part, check in progress(checks, what="verify", unit="file"):
        place = check.where, part.remedy.format(where=check.where) or restore_or_accept(Path(check.where))
        looked_at[place] = looked_at.get(place, 0) + 1
        if fault := check.fault():
            found.setdefault(place, []).append((check.name, fault))
    findings = [Finding(where, tuple(faults), looked_at[where, fix], fix) for (where, fix), faults in found.items()]
    write_json(paths.verified, {"at": time.time(), "files": len(checks), "findings": len(findings)})
    return findings


def restore(paths: Paths) -> Iterator[Path]:
    """Take what is damaged or missing in recordings from DVC's cache; gives each file that is whole again.

    A file is taken only where it has the hash that was noted; the damaged one moves to .cache/damaged.
    """
    with none_runs(USERS, paths=paths):
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
    for listing in sorted(_objects(paths).glob("??/*.dir")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            for entry in json.loads(listing.read_bytes()):
                if entry["relpath"] == place:
                    data: bytes = (_objects(paths) / entry["md5"][:2] / entry["md5"][2:]).read_bytes()
                    if sha256_of_bytes(data) == hashed:
                        return data
    return None


def show(findings: Sequence[Finding], paths: Paths) -> None:
    """Print what was found. Raises SharpcamError where that is something."""
    for finding in findings:
        print(f"{finding.sentence()}\n  → {finding.remedy}", flush=True)
    for clip in find_clips(paths.raw):
        if not (clip / HASHES).exists():
            print(f'{clip} has no hashes to be held to yet: the next "dvc repro" notes them', flush=True)
    files = recall_json(paths.verified).get("files", 0)
    if findings:
        places = "1 place is" if len(findings) == 1 else f"{len(findings)} places are"
        raise SharpcamError(f"{places} damaged. Do what is written below each, and verify again.")
    print(f"verify: {files} files, all as they were written", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, after restoring where that is asked for; gives the exit status."""
    parser = command_parser("pipeline.verify", __doc__)
    parser.add_argument("--restore", action="store_true", help="first take damaged recordings from DVC's cache")
    asked = parser.parse_args(arguments)

    def work() -> None:
        paths = Paths.of_project()
        for file in restore(paths) if asked.restore else ():
            print(f"verify: restored {file}", flush=True)
        show(verify(paths), paths)

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
