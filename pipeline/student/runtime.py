"""Running an exported student in the engine that is the fastest here of those that keep the quality."""

import logging
from pathlib import Path

import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.hashing import sha256_of_json
from pipeline.core.paths import Paths
from pipeline.core.timing import call_ms
from pipeline.student.contract import Contract, read_contract
from pipeline.student.engines import ENGINES, REFERENCE, cores, machine
from pipeline.student.student import Student, start

MEASURED_S = 0.3  # of each engine, and at least so many frames:
MEASURED_FRAMES = 5
HOPELESS = 3.0  # times the best so far: such an engine is measured no longer
FASTER = 0.9  # of the time on twice the threads: then fewer are taken

logger = logging.getLogger(__name__)


def load_student(contract_file: Path, *, engine: str = "auto", threads: int | None = None) -> Student:
    """The student of a contract in an engine, after its known-answer test.

    `engine` is one of ENGINES, or "auto": the fastest here of those that keep the quality, by a short measurement
    that is remembered in .cache/engines. bf16 runs only where it is asked for. `threads`: None for the best number.
    Raises SharpcamError for a contract or an ONNX file that is missing, was changed, or answers wrongly.
    """
    contract = read_contract(contract_file)
    if engine != "auto":
        return start(contract, engine, threads or cores())
    start(contract, REFERENCE, 1)  # what fails here is the file's fault, not the engine's
    note = Paths.here().cache / "engines" / f"{_key(contract, threads)}.json"
    return load_cached_choice(contract, note) or pick_fastest(contract, note, threads)


def load_cached_choice(contract: Contract, note: Path) -> Student | None:
    """The student as `note` says that it runs best, if there is such a note and it still does."""
    try:
        choice = recall_json(note)
        student = start(contract, choice["engine"], choice["threads"])
        student.skipped = choice["skipped"]
    except (OSError, ValueError, KeyError, TypeError, SharpcamError):
        return None
    return student


def pick_fastest(contract: Contract, note: Path, threads: int | None) -> Student:
    """The student in the engine, and on the number of threads, that was fastest just now; `note` keeps the choice."""
    times: dict[str, float] = {}
    skipped: dict[str, str] = {}
    students: dict[str, Student] = {}
    for name in [name for name in ENGINES if contract.allows(name) and not ENGINES[name].missing()]:
        try:
            students[name] = start(contract, name, threads or cores())
            times[name] = frame_ms(students[name], best=min(times.values(), default=float("inf")))
        except SharpcamError as error:
            skipped[name] = str(error)
            logger.warning("%s is left out: %s", name, error)
    best = students[min(times, key=times.__getitem__)]
    if threads is None:
        best = on_best_threads(contract, best, times[best.engine])
    best.skipped = skipped
    write_json(note, {"engine": best.engine, "threads": best.threads, "skipped": skipped, "measured_ms": times})
    return best


def on_best_threads(contract: Contract, student: Student, spent_ms: float) -> Student:
    """The student on half as many threads, and half of these, as long as that is clearly faster."""
    while student.threads > 1:
        fewer = start(contract, student.engine, student.threads // 2)
        if (ms := frame_ms(fewer, best=spent_ms)) > FASTER * spent_ms:
            break
        student, spent_ms = fewer, ms
    return student


def frame_ms(student: Student, *, best: float) -> float:
    """Fewest milliseconds of a frame, end to end at the student's own size: others may be busy here just now."""
    width, height = student.geometry.student_input
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    out = student.enhance(frame)  # compiles, and fills caches
    times: list[float] = []
    while len(times) < MEASURED_FRAMES or sum(times) < 1e3 * MEASURED_S:
        times.append(call_ms(lambda: student.enhance(frame, out)))
        if times[0] > HOPELESS * best:
            break
    return round(min(times), 3)


def _key(contract: Contract, threads: int | None) -> str:
    """What a choice of an engine holds for."""
    parts = [contract.content["files"], contract.geometry.student_input, threads, machine()]
    return sha256_of_json(parts)[:16]
