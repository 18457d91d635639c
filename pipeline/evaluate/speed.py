"""How long the students take for a frame, with a calibration of the machine."""

from functools import partial
from typing import Any

import numpy as np

from pipeline.core.frames import read_frame
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.core.timing import median_ms
from pipeline.evaluate.cameras import Students
from pipeline.evaluate.scores import methods
from pipeline.student.runtime import load_student

CALIBRATION_SIDE = 1024  # of the matrix product that tells how fast the machine was just now
THREADS = 2


def speed(places: list[tuple[str, str]], students: Students, paths: Paths, params: Params) -> dict[str, Any]:
    """Median milliseconds a frame, uint8 to uint8, and beside them what a fixed matrix product took."""
    clip, stem = places[0]
    raw = read_frame(paths.raw / clip / f"{stem}.png")
    runs = params.evaluate.speed_runs
    fastest = load_student(paths.contract)
    compared = methods(students, params.geometry) | {"student_fastest": fastest.enhance}
    square = np.ones((CALIBRATION_SIDE, CALIBRATION_SIDE), np.float32)
    return {
        "median_ms": {
            name: round(median_ms(partial(compared[name], raw), runs=runs), 3)
            for name in progress(compared, what="speed")
        },
        "fastest": {"engine": fastest.engine, "threads": fastest.threads},
        "calibration_ms": round(median_ms(lambda: square @ square, runs=runs), 3),
        "threads": THREADS,
        "runs": runs,
    }
