"""How long the students take for a frame, with a calibration of the machine."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pipeline.core.frames import read_frame
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress_bar
from pipeline.core.timing import median_ms
from pipeline.evaluate.cameras import Students
from pipeline.evaluate.scores import methods
from pipeline.student.runtime import load_student

CALIBRATION_SIDE = 1024  # of the matrix product that tells how fast the machine was just now
THREADS = 2
CALIBRATION = "calibration_ms"


def speed(places: list[tuple[str, str]], students: Students, paths: Paths, params: Params) -> dict[str, Any]:
    """Median milliseconds a frame, uint8 to uint8, and beside them what a fixed matrix product took."""
    clip, stem = places[0]
    raw = read_frame(paths.raw / clip / f"{stem}.png")
    runs = params.evaluate.speed_runs
    square = np.ones((CALIBRATION_SIDE, CALIBRATION_SIDE), np.float32)
    works: dict[str, Callable[[], object]] = {CALIBRATION: lambda: square @ square}
    works |= {name: partial(work, raw) for name, work in methods(students, params.geometry).items()}
    with progress_bar(what="speed", total=len(works) + 2, unit="method") as bar:
        fastest = load_student(paths.contract)  # measures the engines, where that was not done before
        bar.update()
        times = {}
        for name, work in (works | {"student_fastest": partial(fastest.enhance, raw)}).items():
            times[name] = round(median_ms(work, runs=runs), 3)
            bar.update()
    return {
        CALIBRATION: times.pop(CALIBRATION),
        "median_ms": times,
        "fastest": {"engine": fastest.engine, "threads": fastest.threads},
        "threads": THREADS,
        "runs": runs,
    }
