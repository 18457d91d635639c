"""Running an exported student: a camera's frame in, the picture out. Nothing runs unless its contract holds."""

import base64
import hashlib
import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, BaseModel, PositiveInt, ValidationError, model_validator

from pipeline.engines import ENGINES, REFERENCE, Running, cores, machine
from pipeline.errors import SharpcamError
from pipeline.files import read_json, write_json
from pipeline.geometry import Frame, fit
from pipeline.params import GeometryParams
from pipeline.paths import Paths

INT8_SUFFIX = "_int8"  # of the file's stem
TORCH_MOST = 1e-4  # by which an exported student may differ from torch, of 0..1
INT8_MOST_DB = 0.15  # int8 is chosen only where it costs no more
# Grey levels at a known answer, by the precision; rounding adds up over the layers, a wrong kernel is off by dozens.
TOLERANCE = {"fp32": 1, "bf16": 4, "int8": 10}
MEASURED_S = 0.3  # of each engine, and at least so many frames:
MEASURED_FRAMES = 5
HOPELESS = 3.0  # times the best so far: such an engine is measured no longer
FASTER = 0.9  # of the time on twice the threads: then fewer are taken

logger = logging.getLogger(__name__)


def sha256(file: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def pack_picture(picture: Frame) -> dict[str, Any]:
    """A small uint8 picture as JSON can hold it."""
    return {"shape": list(picture.shape), "base64": base64.b64encode(picture.tobytes()).decode()}


def unpack_picture(packed: dict[str, Any]) -> Frame:
    """The uint8 picture that `pack_picture` was given."""
    return np.frombuffer(base64.b64decode(packed["base64"]), np.uint8).reshape(packed["shape"])


def _unpacked(packed: Any) -> Frame:
    try:
        picture = unpack_picture(packed)
        height, width, colours = picture.shape
    except (TypeError, KeyError, ValueError):
        raise ValueError("this is no packed picture") from None
    if colours != 3 or not height * width:
        raise ValueError(f"a picture is (height, width, 3); this one is {picture.shape}")
    return picture


Packed = Annotated[Any, AfterValidator(_unpacked)]


class Golden(BaseModel, frozen=True):
    """A small picture, and what each form of the student makes of it: (h, w, 3) to (scale h, scale w, 3) uint8."""

    input: Packed
    output: Packed
    output_int8: Packed = None


class Promise(BaseModel, frozen=True):
    """What of a contract is relied upon here. Whatever else it holds is for others."""

    format: Literal[1]
    scale: PositiveInt
    multiple_of: PositiveInt
    geometry: GeometryParams
    input: dict[str, Any]
    files: dict[str, str]
    golden: Golden

    @model_validator(mode="after")
    def _holds_together(self) -> "Promise":
        kinds = [Path(name).stem.endswith(INT8_SUFFIX) for name in self.files if Path(name).name == name]
        if sorted(kinds) not in ([False], [False, True]) or len(kinds) != len(self.files):
            raise ValueError("files must name one float ONNX file beside the contract, and at most one int8 file")
        if self.scale != self.geometry.scale:
            raise ValueError(f"scale is {self.scale}, and geometry.scale {self.geometry.scale}")
        for name in ("output", "output_int8") if True in kinds else ("output",):
            self._check_answer(name, getattr(self.golden, name))
        return self

    def _check_answer(self, name: str, answer: Frame | None) -> None:
        if answer is None:
            raise ValueError(f"golden.{name} is missing")
        height, width, _ = self.golden.input.shape
        if answer.shape != (expected := (self.scale * height, self.scale * width, 3)):
            raise ValueError(f"golden.{name} is {answer.shape} in place of {expected}")
        if np.ptp(answer) == 0 < np.ptp(self.golden.input):
            raise ValueError(f"golden.{name} is a picture of one colour")


@dataclass
class Student:
    """A student ready to run, from any thread. Make one with `load_student`."""

    contract: dict[str, Any]
    geometry: GeometryParams
    engine: str  # one of ENGINES
    threads: int
    running: Running
    skipped: dict[str, str] = field(default_factory=dict)  # engines that cannot run it here, and why

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """The target picture (H, W, 3) uint8 of a camera's frame (h, w, 3) uint8 of any size.

        It is written to `out` where that is given: such a picture of before that nobody needs any more.
        Raises SharpcamError for what is no such frame, and where the network gives no numbers.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise SharpcamError(
                f"A frame is (height, width, 3) of uint8, RGB; this one is {frame.shape} of {frame.dtype}. Convert it."
            )
        return self.running.enhance(fit(frame, geometry=self.geometry), out)


class Contract(NamedTuple):
    """The contract of a student, and where it lies."""

    file: Path
    content: dict[str, Any]

    @property
    def geometry(self) -> GeometryParams:
        return GeometryParams(**self.content["geometry"])

    def onnx(self, *, int8: bool) -> Path | None:
        """The ONNX file of that precision, where there is one."""
        names = [name for name in self.content["files"] if Path(name).stem.endswith(INT8_SUFFIX) == int8]
        return self.file.with_name(names[0]) if names else None

    def golden(self, *, int8: bool) -> tuple[Frame, Frame]:
        """A frame and what the student makes of it."""
        golden = self.content["golden"]
        return unpack_picture(golden["input"]), unpack_picture(golden["output_int8" if int8 else "output"])

    def allows(self, name: str) -> bool:
        """Whether that engine may be chosen without being asked for: it must not cost quality that can be seen."""
        precision = ENGINES[name].precision
        if precision == "int8":
            return bool(self.content.get("int8", {}).get("loss_db", INT8_MOST_DB + 1) <= INT8_MOST_DB)
        return precision == "fp32"


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
    note = Paths().cache / "engines" / f"{_key(contract, threads)}.json"
    return recalled(contract, note) or chosen(contract, note, threads)


def read_contract(file: Path) -> Contract:
    """The contract in `file`. Raises SharpcamError where it is missing, or names what is wrong with it."""
    content = read_json(file, made_by="export")
    try:
        Promise.model_validate(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = "".join(f"{part}." for part in wrong["loc"])[:-1]
        problem = f"{where}{': ' if where else ''}{wrong['msg'].removeprefix('Value error, ')}"
        raise SharpcamError(
            f'{file} is no contract of a student ({problem}). Run "dvc repro export" to write it again.'
        ) from None
    return Contract(file, content)


def start(contract: Contract, name: str, threads: int) -> Student:
    """The student in one engine, after its known-answer test. Raises SharpcamError where that cannot be."""
    if name not in ENGINES:
        raise SharpcamError(f'There is no engine "{name}"; there are: auto, {", ".join(ENGINES)}.')
    engine = ENGINES[name]
    if missing := engine.missing():
        raise SharpcamError(f'The engine "{name}" cannot run here: {missing}. Take "auto".')
    file = contract.onnx(int8=engine.needs_int8_file)
    if file is None:
        raise SharpcamError(f'{contract.file} has no int8 form. Run "dvc repro export" again, or take "auto".')
    _check_hash(file, contract)
    try:
        running = engine.start(file, threads=threads)
    except SharpcamError:
        raise
    except Exception as error:  # OpenVINO's errors have no common class
        reason = (str(error).splitlines() or [""])[-1][:200]
        raise SharpcamError(f'{file} is no model that {name} can run ({reason}). Run "dvc repro export".') from None
    if not knows_answer(running, *contract.golden(int8=engine.needs_int8_file), levels=TOLERANCE[engine.precision]):
        raise SharpcamError(
            f"{file} fails its known-answer test in {name} on this machine. Train it again, or take another model."
        )
    return Student(contract.content, contract.geometry, name, threads, running)


def _check_hash(file: Path, contract: Contract) -> None:
    if not file.is_file():
        raise SharpcamError(f'No student at {file}. Run "dvc repro export", or "dvc pull" to fetch it.')
    if contract.content["files"].get(file.name) != sha256(file):
        raise SharpcamError(f'{file} is not the file of its contract (its hash differs). Run "dvc repro export" again.')


def knows_answer(running: Running, given: Frame, expected: Frame, *, levels: int) -> bool:
    """Whether the answer to `given` is `expected`, but for `levels` grey levels."""
    try:
        answer = running.enhance(given)
    except Exception:  # the libraries' errors have no common class: tensors of other names or sizes
        return False
    if answer.shape != expected.shape:
        return False
    return bool(np.abs(answer.astype(np.int16) - expected).max() <= levels)


def _key(contract: Contract, threads: int | None) -> str:
    """What a choice of an engine holds for."""
    parts = [contract.content["files"], contract.geometry.student_input, threads, machine()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def recalled(contract: Contract, note: Path) -> Student | None:
    """The student as `note` says that it runs best, if there is such a note and it still does."""
    try:
        choice = json.loads(note.read_text(encoding="utf-8"))
        student = start(contract, choice["engine"], choice["threads"])
        student.skipped = choice["skipped"]
    except (OSError, ValueError, KeyError, TypeError, SharpcamError):
        return None
    return student


def chosen(contract: Contract, note: Path, threads: int | None) -> Student:
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
        started = time.perf_counter()
        student.enhance(frame, out)
        times.append(1e3 * (time.perf_counter() - started))
        if times[0] > HOPELESS * best:
            break
    return round(min(times), 3)
