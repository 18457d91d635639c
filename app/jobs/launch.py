"""Starting and ending jobs, from any page."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock

from app.jobs import commands
from app.jobs.job import Job, folder_of, job_folders, read, unfinished
from pipeline.core.files import write_json
from pipeline.core.paths import Paths


def start(name: str, arguments: Sequence[str] = (), *, paths: Paths) -> Job:
    """Ask for a listed command; it runs once its lane is free. What is asked for already is not begun a second time.

    Raises SharpcamError where the command is not listed, or does not take these arguments.
    """
    command = commands.check(name, arguments)
    home = folder_of(paths)
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".lock"):
        for job in unfinished(paths, lane=command.lane):
            if (job.command, job.arguments) == (name, tuple(arguments)) and not job.stop_asked:
                return job
        last = max((int(folder.name) for folder in job_folders(paths)), default=0)
        folder = home / f"{last + 1:06d}"
        request = {"command": name, "arguments": list(arguments), "lane": command.lane, "asked": time.time()}
        write_json(folder / "request.json", request)
        keeper = _start_keeper(folder, paths)
        with suppress(psutil.NoSuchProcess):  # it was very quick
            write_json(folder / "keeper.json", {"process": [keeper.pid, psutil.Process(keeper.pid).create_time()]})
        return read(folder)


def _start_keeper(folder: Path, paths: Paths) -> "subprocess.Popen[bytes]":
    """A process in a session of its own, so that the end of this one does not touch it."""
    with (folder / "keeper.txt").open("wb") as words:  # empty, unless it fails itself
        keeper = subprocess.Popen(
            [sys.executable, "-m", "app.jobs.keeper", str(folder.absolute())],
            cwd=paths.root,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    threading.Thread(target=keeper.wait, daemon=True).start()  # else it would stay as a zombie
    return keeper


def cancel(job: Job) -> None:
    """Ask gently: a job that waits is dropped; one that runs finishes its frame or epoch, keeps it, and ends."""
    job.stop_file.touch()


def kill(job: Job) -> None:
    """End the job at once, with all that it started. What a stage has finished is kept."""
    job.stop_file.touch()
    (job.folder / "kill").touch()
    process = read(job.folder).process
    if process is None or not psutil.pid_exists(process[0]):
        return
    with suppress(psutil.NoSuchProcess):
        leader = psutil.Process(process[0])
        if leader.create_time() == process[1]:
            family = leader.children(recursive=True)
            with suppress(ProcessLookupError):
                os.killpg(leader.pid, signal.SIGKILL)
            for member in family:  # one may have left the group
                with suppress(psutil.NoSuchProcess):
                    member.kill()
