"""Files that appear whole or not at all: the only home of temporary names. No more than the standard library.

Such a name is hidden, in the same folder, and no two writers share one. Its writer holds a lock on it, which goes with
the process however that ends: so what a killed writer left is known from what is being written, and is removed.
`pipeline.core.files` hands this on; it lies here because checkpoints and pools of clips are written here too.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".part"
NAME_BYTES = 200  # of a file's own name in its temporary one: file systems end at 255


@contextmanager
def whole_file(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` where the body ends well, else it is removed.

    With `synced` the content is on the disk before the name is, so that no power cut leaves an empty file under it:
    for state, contracts, weights and whatever a person asked for. Writing a frame of 0.6 MB is 10 times slower with it
    (`python -m benchmarks.atomic`), so what can be computed again is not synced: frames of teacher and cache, whose
    hashes are checked, thumbnails, progress. A recording is synced once, as a folder, before it gets its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if synced:  # a folder of thousands of frames is not listed for each; it is swept by its stage
        remove_leftovers(path.parent, of=path.name)
    temporary, handle = _opened(path)
    try:
        yield temporary
        if synced:
            sync(temporary)
        temporary.replace(path)
        if synced:
            sync(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # a write to a full disk names no file
        raise
    finally:
        os.close(handle)


def _opened(path: Path) -> tuple[Path, int]:
    """A new temporary file for `path`, and the open file that holds its lock."""
    while True:
        temporary = path.with_name(f"{_beginning(path.name)}{secrets.token_hex(4)}{SUFFIX}")
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        _lock(handle)
        with suppress(FileNotFoundError):
            if os.path.samestat(temporary.stat(), os.fstat(handle)):
                return temporary, handle
        os.close(handle)  # a sweep came between creating and locking


def _beginning(name: str) -> str:
    return f".{os.fsdecode(os.fsencode(name)[:NAME_BYTES])}."


def _lock(handle: int) -> bool:
    """Lock an open file; False where another process has it. On a file system without locks nothing is locked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def remove_leftovers(folder: Path, *, of: str = "") -> None:
    """Remove from `folder` what killed writers left there: of all files, or of the one named `of`."""
    beginning = _beginning(of) if of else "."
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            if entry.name.startswith(beginning) and entry.name.endswith(SUFFIX) and entry.is_file():
                remove_leftover(Path(entry.path))


def remove_leftover(temporary: Path) -> None:
    """Remove a temporary file, unless a process is writing it."""
    with suppress(FileNotFoundError, PermissionError):
        handle = os.open(temporary, os.O_RDONLY)
        try:
            if _lock(handle):
                temporary.unlink(missing_ok=True)
        finally:
            os.close(handle)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk. A file system that cannot sync folders is let be."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def move_file(source: Path, destination: Path) -> None:
    """Give a whole file the name that others look for, once its content is on the disk."""
    sync(source)
    source.replace(destination)
    sync(destination.parent)
