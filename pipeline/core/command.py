"""What every stage does around its work: one run at a time, a line in the log, an error in one sentence."""

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, Field, ValidationError

from pipeline.core import work as amounts
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import Bar, report
from pipeline.core.queued import keep_in_project
from pipeline.core.stop import stop_if_asked

CLIP_STAGES = ("capture", "teacher", "split", "train", "export", "evaluate")  # that read or write clips

Seconds = Annotated[float, Field(ge=0, le=2**33)]  # since 1970; finite
Identity = tuple[Annotated[int, Field(ge=1, lt=2**31)], Seconds]  # of a process: its number, and when it was born

FAILED = 1
INTERRUPTED = 130
TERMINATED = 143
DISK_ERRORS = {
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "the disk quota is used up. Free some space",
    errno.EFBIG: "a file may not grow that large here. Raise the limit (ulimit -f)",
    errno.EIO: "the disk answers with an error. Check it or take another",
    errno.EROFS: "the disk is read-only. Mount it for writing",
    errno.EACCES: "this user may not write there. Correct the permissions",
    errno.EPERM: "this user may not write there. Correct the permissions",
}


def stage_command(name: str, work: Callable[[Paths, Params], None], arguments: Sequence[str] | None = None) -> int:
    """The command of a stage, which takes no argument but --help; gives the exit status."""
    command_parser(f"pipeline.{name}", sys.modules[work.__module__].__doc__).parse_args(arguments)
    return run_stage(name, work)


def run_stage(name: str, work: Callable[[Paths, Params], None]) -> int:
    """Run one stage of the current folder's project under its lock, and log how long it took; gives the exit status."""
    signal.signal(signal.SIGTERM, _terminate)

    def locked() -> None:
        stop_if_asked()
        paths = Paths.of_project()
        params = load_params(paths.params)
        keep_in_project(paths.root)
        with only_once(name, paths=paths), logged_duration(name, params, paths=paths):
            work(paths, params)

    Bar.stage = name
    report(stage=name, status=None)
    status = run_command(locked)
    report(stage=name, status=status)
    return status


def _terminate(*_: object) -> None:
    """Unwind as Ctrl-C does, so that locks are let go and a run in MLflow is ended."""
    sys.exit(TERMINATED)


def run_command(work: Callable[[], None]) -> int:
    """Call `work`; what a user can cause becomes one sentence on stderr. Gives the exit status."""
    try:
        work()
    except SharpcamError as error:
        return _complain(str(error))
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        where = error.filename or "the working folder"
        return _complain(f"Could not write {where}: {DISK_ERRORS[error.errno]} and run again; what is done is kept.")
    except KeyboardInterrupt:
        print("\nStopped. What is done is kept; run again to resume.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _complain(sentence: str) -> int:
    print(f"sharpcam: {sentence}", file=sys.stderr)
    return FAILED


class Holder(BaseModel, frozen=True):
    """Who holds a stage's lock: processes, each with its time of birth."""

    process: Identity | None = None
    watchers: list[Identity] = []
    orphan: bool = False  # its dvc was gone before it took the lock


@contextmanager
def only_once(name: str, *, paths: Paths) -> Iterator[None]:
    """Hold the lock of stage `name`.

    A killed `dvc` leaves its stage running: such an orphan is waited for, as is what was killed and still holds the
    lock. A run that somebody still watches is not: SharpcamError. The lock is the operating system's and goes with its
    process, however that ends.
    """
    folder = paths.cache / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    holder = folder / f"{name}.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _wait_for_orphan(lock, name=name, holder=holder)
    try:
        this = (os.getpid(), psutil.Process().create_time())
        write_json(
            holder, Holder(process=this, watchers=_watchers(), orphan=_outlived_dvc()).model_dump(), synced=False
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def no_stage_runs(paths: Paths) -> Iterator[None]:
    """Hold the locks of all stages that read or write clips. Raises SharpcamError at once where one runs."""
    folder = paths.cache / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for name in CLIP_STAGES:
            try:
                held.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
            except Timeout:
                raise SharpcamError(f'The stage "{name}" runs and uses these files. Wait for it, or stop it.') from None
        yield


def _wait_for_orphan(lock: FileLock, *, name: str, holder: Path) -> None:
    held_by = _read_holder(holder)
    number = held_by.process[0] if held_by.process else "unknown"
    if held_by.process and not _alive(*held_by.process):  # one of its threads may take a moment longer than it
        print(f"{name}: process {number} was killed and is about to end; waiting for it.", flush=True)
    elif held_by.orphan or not all(_alive(*watcher) for watcher in held_by.watchers):
        print(f"{name}: process {number} outlived its dvc and still works; waiting for it.", flush=True)
    else:
        raise SharpcamError(
            f'The stage "{name}" already runs as process {number}. Wait for it, or stop it, and run again.'
        )
    lock.acquire()


def runs_here(name: str, *, paths: Paths) -> bool:
    """Whether a process runs the stage `name` in this project: a copy of it has the notes of the original's."""
    process = _read_holder(paths.cache / "locks" / f"{name}.json").process
    try:
        return bool(process and _alive(*process) and Path(psutil.Process(process[0]).cwd()).samefile(paths.root))
    except (OSError, psutil.Error):
        return False


def _read_holder(note: Path) -> Holder:
    try:
        return Holder.model_validate(recall_json(note))
    except ValidationError:
        return Holder()


def _watchers() -> list[Identity]:
    """The parent and grandparent of this process, each with its time of birth: dvc, and the shell between."""
    return [(parent.pid, parent.create_time()) for parent in psutil.Process().parents()[:2]]


def _outlived_dvc() -> bool:
    """Whether a dvc started this process and is gone already, as it can be while Python is still importing."""
    ancestors = [parent.cmdline() for parent in psutil.Process().parents()]
    by_dvc = any(Path(part).name == "dvc" for command in ancestors for part in command)
    return "DVC_STAGE" in os.environ and not by_dvc


def _alive(pid: int, born: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def process_is_gone(pid: int, born: float) -> bool:
    """Whether the process that had number `pid`, started at `born` (seconds since 1970), has ended."""
    return not _alive(pid, born)


@contextmanager
def logged_duration(name: str, params: Params, *, paths: Paths) -> Iterator[None]:
    """Append how long the body took, how much it did, and how it ended, to logs/durations.jsonl."""
    started = time.time()
    Bar.spent.clear()
    status = "failed"
    try:
        yield
        status = "done"
    finally:
        line = {
            "stage": name,
            "started": round(started, 3),
            "seconds": round(time.time() - started, 3),
            "status": status,
        } | _work_done(name, params)
        paths.logs.mkdir(parents=True, exist_ok=True)
        with (paths.logs / "durations.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def _work_done(stage: str, params: Params) -> dict[str, float]:
    """What the stage's own bars did, and how long that took; nothing where none moved."""
    own = [spent for what, spent in Bar.spent.items() if what == stage or what.startswith(f"{stage} ")]
    steps, seconds = (sum(each) for each in zip(*own, strict=True)) if own else (0.0, 0.0)
    return {"work": steps * amounts.of_a_step(stage, params), "work_s": round(seconds, 3)} if steps else {}
