"""The process beside each job: waits for its turn, runs the command, and notes how it ended.

python -m app.jobs.keeper logs/jobs/000012

It is in a session of its own, and so is the command: neither the end of the dashboard nor Ctrl-C in its terminal
reaches them. What the command says goes to a file, so that it works on where its keeper is killed.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from app.jobs import commands
from app.jobs.job import Job, read, unfinished
from app.jobs.other_dvc import forget_half_a_note, other_dvc
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.paths import Paths
from pipeline.core.progress import PROGRESS_FILE
from pipeline.core.stop import STOP_FILE

LOOK_S = 0.25  # how often it looks whether it is its turn, or is to stop
PAPER = {"COLUMNS": "100", "LINES": "40"}  # how wide bars are drawn in a log
CANNOT_RUN = 127  # exit status where the command does not even start, as in a shell


def keep(folder: Path) -> None:
    """Run the job in `folder` to its end. Its state is on disk at every moment."""
    job, paths, state = read(folder), Paths(), dict[str, Any]()
    signal.signal(signal.SIGINT, lambda *_: None)  # a handler, not SIG_IGN, which the command would inherit
    status = None
    if wait_for_turn(job, paths):
        state["started"] = time.time()
        forget_half_a_note(paths)
        with job.log.open("wb", buffering=0) as log:
            try:
                for argv in commands.steps(job.command, job.arguments, paths):
                    status = run(argv, job, log, state)
                    if status != 0:
                        break
            except SharpcamError as error:
                log.write(f"sharpcam: {error}\n".encode())
                status = CANNOT_RUN
    note_the_end(folder, state | {"ended": time.time(), "status": status})
    if job.lane == "pipeline" and status != 0 and "started" in state:
        settle_runs()


def note_the_end(folder: Path, state: dict[str, Any]) -> None:
    """Write the last state; on a full disk once there is space again, as long as anybody could ask for it."""
    while folder.is_dir():
        try:
            write_json(folder / "state.json", state)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(LOOK_S)
        else:
            return


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
            with suppress(OSError):  # a full disk
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


def run(argv: list[str], job: Job, log: IO[bytes], state: dict[str, Any]) -> int:
    """Run one argument list in a session of its own; gives its exit status. It inherits the job's lock."""
    process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True, env=environment(job))
    with suppress(OSError):  # a full disk ends no training by a note
        state["process"] = [process.pid, psutil.Process(process.pid).create_time()]
        write_json(job.folder / "state.json", state)
    told = False
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK_S)
        if job.lane == "tool" and not told and job.stop_file.exists():  # a stage looks for the file itself
            told = True
            os.killpg(process.pid, signal.SIGINT)


def environment(job: Job) -> dict[str, str]:
    """For the command: this Python first, no usage data, and where to look for a wish to stop."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    more = {
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        STOP_FILE: str(job.stop_file),
        PROGRESS_FILE: str(job.progress_file),
    }
    return os.environ | PAPER | more


def settle_runs() -> None:
    """Set runs that a killed training left RUNNING to KILLED, where there are runs at all."""
    from pipeline.tracking.client import mlflow_client, store_exists
    from pipeline.tracking.run import settle_lost_runs

    if store_exists():
        with suppress(SharpcamError):
            settle_lost_runs(mlflow_client())


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
