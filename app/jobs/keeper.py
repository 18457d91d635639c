"""The process beside each job: waits for its turn, runs the command in a terminal, keeps its log and how it ended.

python -m app.jobs.keeper logs/jobs/000012

It is in a session of its own, and so is the command: neither the end of the dashboard nor Ctrl-C in its terminal
reaches them. A terminal, because without one there would be no bars and no colours.
"""

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import psutil

from app.jobs import commands
from app.jobs.job import Job, read, unfinished
from app.jobs.other_dvc import other_dvc
from app.jobs.screen import Screen
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.paths import Paths
from pipeline.core.progress import PROGRESS_FILE
from pipeline.core.stop import STOP_FILE

LOOK_S = 0.25  # how often it looks whether it is its turn, or is to stop
LINGER_S = 1.0  # a command that has ended may have left somebody with its terminal
ROWS, COLUMNS = 40, 100
CANNOT_RUN = 127  # exit status where the command does not even start, as in a shell


class Log:
    """The job's log: whole lines, and at its end those that the command still draws over."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._screen = Screen()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept = 0  # bytes that stay as they are

    def write(self, data: bytes) -> None:
        """Draw what the command has said."""
        self._screen.feed(self._decoder.decode(data))
        settled = self._screen.take().encode()
        with suppress(OSError):  # a full disk ends no training by its log
            self._file.seek(self._kept)
            self._file.write(settled + self._screen.rest().encode())
            self._file.truncate()
            self._kept += len(settled)


def keep(folder: Path) -> None:
    """Run the job in `folder` to its end. Its state is on disk at every moment."""
    job, paths, state = read(folder), Paths(), dict[str, Any]()
    signal.signal(signal.SIGINT, lambda *_: None)  # a handler, not SIG_IGN, which the command would inherit
    status = None
    if wait_for_turn(job, paths):
        state["started"] = time.time()
        with job.log.open("wb", buffering=0) as file:
            log = Log(file)
            try:
                for argv in commands.steps(job.command, job.arguments, paths):
                    status = run(argv, job, log, state)
                    if status != 0:
                        break
            except SharpcamError as error:
                log.write(f"sharpcam: {error}\n".encode())
                status = CANNOT_RUN
    write_json(folder / "state.json", state | {"ended": time.time(), "status": status})
    if job.lane == "pipeline" and status != 0 and "started" in state:
        settle_runs()


def wait_for_turn(job: Job, paths: Paths) -> bool:
    """Wait until no earlier job of the lane is left, and nobody's dvc; False where this one was cancelled before."""
    before = [other.folder for other in unfinished(paths, lane=job.lane) if other.number < job.number]
    told: list[int] = []
    while not job.stop_file.exists():
        before = [folder for folder in before if not is_over(folder)]
        others = other_dvc(paths) if job.command == "repro" else []
        if not before and not others:
            return True
        if others != told:
            told = others
            job.log.write_text(describe_others(others), encoding="utf-8")
        time.sleep(LOOK_S)
    return False


def is_over(folder: Path) -> bool:
    """Whether nobody has to wait for that job: it has ended, or its folder was removed or broken meanwhile."""
    try:
        return read(folder).over
    except SharpcamError:
        return True


def describe_others(others: list[int]) -> str:
    """What the log says while it waits for these processes."""
    if not others:
        return ""
    numbers = ", ".join(map(str, others))
    return f"Waits for dvc, which somebody runs here (process {numbers}). End that, or let it end.\n"


def run(argv: list[str], job: Job, log: Log, state: dict[str, Any]) -> int:
    """Run one argument list in a terminal and a session of its own; gives its exit status."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            env=environment(job),
        )
    finally:
        os.close(inner)
    state["process"] = [process.pid, psutil.Process(process.pid).create_time()]
    write_json(job.folder / "state.json", state)
    listen(process, outer, job, log)
    os.close(outer)
    return process.wait()


def environment(job: Job) -> dict[str, str]:
    """For the command: this Python first, no usage data, and where to look for a wish to stop."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return os.environ | {
        "PATH": path,
        "TERM": "xterm-256color",
        "PYTHONUNBUFFERED": "1",
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        STOP_FILE: str(job.stop_file),
        PROGRESS_FILE: str(job.progress_file),
    }


def listen(process: "subprocess.Popen[bytes]", terminal: int, job: Job, log: Log) -> None:
    """Keep the log until the command has ended and nobody speaks any more; pass a wish to stop on."""
    told = False
    quiet_since = time.monotonic()
    while True:
        if select.select([terminal], [], [], LOOK_S)[0]:
            try:
                log.write(os.read(terminal, 1 << 16))
            except OSError:  # the last one has closed it
                return
            quiet_since = time.monotonic()
        elif process.poll() is not None and time.monotonic() - quiet_since > LINGER_S:
            return
        if job.lane == "tool" and not told and job.stop_file.exists():  # a stage looks for the file itself
            told = True
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)


def settle_runs() -> None:
    """Set runs that a killed training left RUNNING to KILLED, where there are runs at all."""
    from pipeline.tracking.client import mlflow_client, store_exists
    from pipeline.tracking.run import settle_lost_runs

    if store_exists():
        with suppress(SharpcamError):
            settle_lost_runs(mlflow_client())


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
