"""Put what a project holds and Git does not into one file, and bring it back from there.

python -m pipeline.backup FILE.tar             writes it
python -m pipeline.backup --restore FILE.tar   into this folder, a clone of the project

Recordings, the teacher's pictures, every version in DVC's cache, students, the registry, MLflow's runs, parameters and
figures go along. What is of this machine or can be made again does not: caches, downloads, logs, secrets. Restoring
loses nothing: a file that differs moves to .cache/replaced first.
"""

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import TypeAdapter, ValidationError

from pipeline import __version__
from pipeline.core.command import no_stage_runs, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import whole_file
from pipeline.core.hashing import sha256, sha256_of_parts
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import progress
from pipeline.tracking.client import database_file, tracking_uri

PLACES = (
    "params.yaml",
    "dvc.lock",
    "data",
    "weights/registry",
    "weights/student_sr*",
    "metrics",
    "training_logs",
    ".dvc/cache",
    "mlruns",
    "mlartifacts",
)
DATABASE = "mlflow.db"
BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")  # SQLite would take them for the new one's
LISTING = "backup.json"  # the archive's last member: one without it was cut off
CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Entry:
    """A file of the project; its content is the archive's member of that hash, which equal files share."""

    name: str  # below the project's folder, with slashes
    sha256: str
    bytes: int
    mode: int  # DVC keeps what it caches read-only


def back_up(archive: Path, paths: Paths) -> list[Entry]:
    """Write all that PLACES name to `archive`, at once or not at all. Raises SharpcamError, while a stage runs too."""
    with no_stage_runs(paths), snapshot_of_runs(paths) as runs:
        files = {str(file.relative_to(paths.root).as_posix()): file for file in _found(paths, beside=archive)}
        files |= {DATABASE: runs} if runs else {}
        sizes = sum(file.stat().st_size for file in files.values())
        archive.parent.mkdir(parents=True, exist_ok=True)
        if sizes > (free := shutil.disk_usage(archive.parent).free):
            raise SharpcamError(
                f"The backup may take {sizes / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {archive.parent}. "
                'Name another place, or make room ("python -m pipeline.cleanup" lists what can go).'
            )
        with whole_file(archive) as partial, tarfile.open(partial, "w") as made:
            entries = list(_store(files, made))
            _add(made, LISTING, json.dumps({"version": __version__, "files": [asdict(each) for each in entries]}))
    return entries


def _found(paths: Paths, *, beside: Path) -> Iterator[Path]:
    for place in PLACES:
        for path in sorted(paths.root.glob(place)):
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and file.resolve() != beside.resolve():
                    yield file


@contextmanager
def snapshot_of_runs(paths: Paths) -> Iterator[Path | None]:
    """A copy of the project's MLflow database as it is at one moment, though others write; None where it has none."""
    database = database_file()
    if database is None or database.resolve() != (paths.root / DATABASE).resolve() or not database.is_file():
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / DATABASE
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        yield copy


def _store(files: dict[str, Path], archive: tarfile.TarFile) -> Iterator[Entry]:
    held: set[str] = set()
    for name, file in progress(list(files.items()), what="backup", unit="file"):
        stat = file.stat()
        entry = Entry(name, sha256(file), stat.st_size, stat.st_mode & 0o777)
        if entry.sha256 not in held:
            with file.open("rb") as opened:
                source = Hashed(opened)
                archive.addfile(_member(entry.sha256, entry.bytes), source)
            if source.digest.hexdigest() != entry.sha256:
                raise SharpcamError(f"{name} changed while it was read. Wait until nothing works here, and run again.")
            held.add(entry.sha256)
        yield entry


class Hashed(io.RawIOBase):
    """An open file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self.file.read(size)
        self.digest.update(data)
        return data


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    archive.addfile(_member(name, len(data)), io.BytesIO(data))


def restore(archive: Path, paths: Paths) -> list[Path]:
    """Bring back what `archive` holds; gives the files that were there and differed, where they lie now.

    The whole archive is read and held to its hashes before the first file is written. Raises SharpcamError.
    """
    with no_stage_runs(paths), _opened(archive) as held:
        entries = _listed(held, archive)
        for hashed in progress({entry.sha256 for entry in entries}, what="verify", unit="file"):
            _hold_to_hash(held, hashed, archive)
        away = paths.cache / "replaced" / time.strftime("%Y-%m-%d %H-%M-%S")
        replaced = []
        for entry in progress(entries, what="restore", unit="file"):
            target = paths.root / entry.name
            if target.is_file() and sha256(target) == entry.sha256:
                continue
            replaced += _moved_away(target, away / entry.name)
            _write(held, entry, target)
    return replaced


def _moved_away(file: Path, place: Path) -> list[Path]:
    """Move what is at `file` to `place`, a database with what belongs to it; gives where it lies now."""
    moved = []
    for each in [file, *(file.with_name(f"{file.name}{end}") for end in BESIDE_A_DATABASE if file.name == DATABASE)]:
        if each.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            moved.append(each.replace(place.with_name(each.name)))
    return moved


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:") as opened:
            yield opened
    except FileNotFoundError:
        raise SharpcamError(f"There is no {archive}. Name the file that a backup was written to.") from None
    except (tarfile.TarError, EOFError) as error:
        raise SharpcamError(f"{archive} is no backup, or a part of one ({error}). Take another one.") from None


def _listed(held: tarfile.TarFile, archive: Path) -> list[Entry]:
    try:
        told = json.load(_content(held, LISTING))
        entries = TypeAdapter(list[Entry]).validate_python(told["files"])
    except (KeyError, TypeError, ValueError, RecursionError, ValidationError):
        raise SharpcamError(f"{archive} does not end as a backup does. It was cut off; take another one.") from None
    if foreign := next((entry.name for entry in entries if not _is_ours(entry.name)), None):
        raise SharpcamError(f'{archive} holds "{foreign}", which no backup does. It is not used.')
    return entries


def _is_ours(name: str) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        return False
    return name == DATABASE or any(fnmatch(name, place) or name.startswith(f"{place}/") for place in PLACES)


def _content(held: tarfile.TarFile, name: str) -> IO[bytes]:
    content = held.extractfile(name)
    if content is None:
        raise KeyError(name)
    return content


def _hold_to_hash(held: tarfile.TarFile, hashed: str, archive: Path) -> None:
    try:
        found = sha256_of_parts(iter(partial(_content(held, hashed).read, CHUNK_BYTES), b""))
    except KeyError:
        found = ""
    if found != hashed:
        raise SharpcamError(f"{archive} is damaged. Nothing was restored; take another backup.")


def _write(held: tarfile.TarFile, entry: Entry, target: Path) -> None:
    with whole_file(target) as partial:
        with partial.open("wb") as written:
            shutil.copyfileobj(_content(held, entry.sha256), written, CHUNK_BYTES)
        partial.chmod(entry.mode)


def main(arguments: Sequence[str] | None = None) -> int:
    """Back up or restore the current folder; gives the exit status."""
    parser = command_parser("pipeline.backup", __doc__)
    parser.add_argument("archive", type=Path, metavar="FILE.tar", help="the backup")
    parser.add_argument("--restore", action="store_true", help="bring back what it holds")
    asked = parser.parse_args(arguments)

    def work() -> None:
        paths = Paths.of_project()
        if asked.restore:
            replaced = restore(asked.archive, paths)
            moved = f"; {len(replaced)} that differed are in {paths.cache / 'replaced'}" if replaced else ""
            print(f'backup: restored{moved}. "python -m pipeline.verify" looks at every file.', flush=True)
            return
        entries = back_up(asked.archive, paths)
        size = asked.archive.stat().st_size
        print(f"backup: {len(entries)} files in {asked.archive}, {size / 1e6:.0f} MB", flush=True)
        if DATABASE not in {entry.name for entry in entries} and tracking_uri() != f"sqlite:///{DATABASE}":
            print(
                f"backup: MLflow's runs are kept at {tracking_uri()} and are not in it. Back that up too.", flush=True
            )

    return run_command(work)


if __name__ == "__main__":
    raise SystemExit(main())
