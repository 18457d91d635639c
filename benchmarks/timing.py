"""Milliseconds and memory of one way to enlarge a frame, in a process of its own; students.py starts it.

python -m benchmarks.timing JOB, where JOB is a Job as JSON; prints a Timing as JSON.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil

from pipeline.core.geometry import KERNELS, Frame, enlarge
from pipeline.core.params import GeometryParams
from pipeline.core.timing import call_ms
from pipeline.student.engines import ENGINES

ENOUGH_S = 20.0  # no further run once this much time has gone into it, unless there are fewer than
FEWEST = 3


@dataclass(frozen=True)
class Job:
    """What is timed: an ONNX file in an engine, or a kernel of OpenCV."""

    engine: str  # one of ENGINES or of KERNELS
    file: str  # "" for a kernel
    width: int  # of the frame
    height: int
    threads: int
    runs: int


@dataclass(frozen=True)
class Timing:
    """What came out."""

    median_ms: float
    p95_ms: float
    memory_mb: float  # held after the runs, over what the process held before: libraries, weights, buffers
    runs: int


def in_own_process(job: Job) -> Timing:
    """Time `job`, unburdened by what this process holds. Raises RuntimeError with what it said, where it failed."""
    command = [sys.executable, "-m", "benchmarks.timing", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word"])[-1])
    return Timing(**json.loads(done.stdout.splitlines()[-1]))


def timed(job: Job) -> Timing:
    """Time `job` here."""
    cv2.setNumThreads(job.threads)
    frame = np.random.default_rng(0).integers(0, 256, (job.height, job.width, 3), np.uint8)
    before = psutil.Process().memory_info().rss
    work = enlarger(job, frame)
    work()
    times: list[float] = []
    while len(times) < FEWEST or (len(times) < job.runs and sum(times) < 1e3 * ENOUGH_S):
        times.append(call_ms(work))
    memory = (psutil.Process().memory_info().rss - before) / 1e6
    p95 = float(np.percentile(times, 95))
    return Timing(round(statistics.median(times), 2), round(p95, 2), round(memory, 1), len(times))


def enlarger(job: Job, frame: Frame) -> Callable[[], Frame]:
    """What is done once a frame: uint8 in, uint8 out."""
    if job.engine in KERNELS:
        doubled = GeometryParams(width=2 * job.width, height=2 * job.height, scale=2, fit="crop")
        return partial(enlarge, frame, geometry=doubled, kernel=job.engine)
    running = ENGINES[job.engine].start(Path(job.file), threads=job.threads)
    return partial(running.enhance, frame, np.empty_like(running.enhance(frame)))


if __name__ == "__main__":
    print(json.dumps(asdict(timed(Job(**json.loads(sys.argv[1]))))))
