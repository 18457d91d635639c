"""Starting and ending jobs, from any page."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil
from filelock import FileLock

from app.jobs import commands
from app.jobs.job import LOCK, Job, folder_of, job_folders, read, unfinished
from app.roles import operators_only
from pipeline.core.files import write_json
from pipeline.core.paths import Paths


@operators_only
def start(name: str, arguments: Sequence[str] = (), *, paths: Paths) -> Job:
    """Ask for a listed command; it runs once its lane is free. What is asked for already is not begun a second time,
    unless its keeper was killed: what is left of it may not run to the end, so the new job goes on after it.

    Raises SharpcamError where the command is not listed, or does not take these arguments, and NotAllowedError.
    """
    command = commands.check(name, arguments)
    home = folder_of(paths)
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".lock"):
        for job in unfinished(paths, lane=command.lane):
            same = (job.command, job.arguments) == (name, tuple(arguments))
            if same and not job.stop_asked and not job.orphaned:
                return job
        last = max((int(folder.name) for folder in job_folders(paths)), default=0)
        folder = home / f"{last + 1:06d}"
        request = {"command": name, "arguments": list(arguments), "lane": command.lane, "asked": time.time()}
        folder.mkdir()
        with (folder / LOCK).open("w+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_json(folder / "request.json", request)
            keeper = _start_keeper(folder, paths, lock)
        with suppress(psutil.NoSuchProcess):  # it was very quick
            write_json(folder / "keeper.json", {"process": [keeper.pid, psutil.Process(keeper.pid).create_time()]})
        return read(folder)


def _start_keeper(folder: Path, paths: Paths, lock: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A process in a session of its own, so that the end of this one does not touch it; `lock` becomes its own."""
    with (folder / "keeper.txt").open("wb") as words:  # empty, unless it fails itself
        keeper = subprocess.Popen(
            [sys.executable, "-m", "app.jobs.keeper", str(folder.absolute())],
            cwd=paths.root,
            stdin=lock,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    threading.Thread(target=keeper.wait, daemon=True).start()  # else it would stay as a zombie
    return keeper


@operators_only
def cancel(job: Job) -> None:
    """Ask gently: a job that waits is dropped; one that runs finishes its frame or epoch, keeps it, and ends."""
    job.stop_file.touch()


@operators_only
def kill(job: Job) -> None:
    """End the job at once, with all that it started. What a stage has finished is kept.

    Of a copied project's job nobody holds the lock: those of the original are not touched.
    """
    job.stop_file.touch()
    (job.folder / "kill").touch()
    now = read(job.folder)
    if now.gone or now.process is None:
        return
    with suppress(psutil.NoSuchProcess):
        leader = psutil.Process(now.process[0])
        if leader.create_time() == now.process[1]:
            family = leader.children(recursive=True)
            with suppress(ProcessLookupError):
                os.killpg(leader.pid, signal.SIGKILL)
            for member in family:  # one may have left the group
                with suppress(psutil.NoSuchProcess):
                    member.kill()
