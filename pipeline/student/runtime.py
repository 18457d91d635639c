"""Running an exported student: a camera's frame in, the picture out. Nothing runs unless its contract holds."""

import base64
import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, BaseModel, PositiveInt, ValidationError, model_validator

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.geometry import Frame, fit
from pipeline.core.params import GeometryParams
from pipeline.core.paths import Paths
from pipeline.student.dials import Dials, DialSection, Setting
from pipeline.student.engines import ENGINES, REFERENCE, Running, cores, machine
from pipeline.student.estimator import Estimator, EstimatorSection

INT8_SUFFIX = "_int8"  # of the file's stem
TORCH_MOST = 1e-4  # by which an exported student may differ from torch, of 0..1
INT8_MOST_DB = 0.15  # int8 is chosen only where it costs no more
# Grey levels at a known answer, by the precision; rounding adds up over the layers, a wrong kernel is off by dozens.
TOLERANCE = {"fp32": 1, "bf16": 4, "int8": 10}
MEASURED_S = 0.3  # of each engine, and at least so many frames:
MEASURED_FRAMES = 5
HOPELESS = 3.0  # times the best so far: such an engine is measured no longer
KEPT_SETTINGS = 4  # of the dials of a student, each with its session
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


class Strong(BaseModel, frozen=True):
    """What each form of the student makes of the golden picture at dials that are far from neutral."""

    dials: Setting
    output: Packed
    output_int8: Packed = None


class Golden(BaseModel, frozen=True):
    """A small picture, and what each form of the student makes of it: (h, w, 3) to (scale h, scale w, 3) uint8."""

    input: Packed
    output: Packed
    output_int8: Packed = None
    strong: Strong | None = None


class Promise(BaseModel, frozen=True):
    """What of a contract is relied upon here. Whatever else it holds is for others."""

    format: Literal[1, 2]  # 2: the student has dials
    scale: PositiveInt
    multiple_of: PositiveInt
    geometry: GeometryParams
    input: dict[str, Any]
    files: dict[str, str]
    golden: Golden
    dials: DialSection | None = None
    estimator: EstimatorSection | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> "Promise":
        kinds = [Path(name).stem.endswith(INT8_SUFFIX) for name in self.files if Path(name).name == name]
        if sorted(kinds) not in ([False], [False, True]) or len(kinds) != len(self.files):
            raise ValueError("files must name one float ONNX file beside the contract, and at most one int8 file")
        if self.scale != self.geometry.scale:
            raise ValueError(f"scale is {self.scale}, and geometry.scale {self.geometry.scale}")
        for name in ("output", "output_int8") if True in kinds else ("output",):
            self._check_answer(name, getattr(self.golden, name))
            if self.golden.strong:
                self._check_answer(f"strong.{name}", getattr(self.golden.strong, name))
        return self

    @model_validator(mode="after")
    def _has_dials_by_its_format(self) -> "Promise":
        if (self.format == 2) != (self.dials is not None) or (self.format == 2) != (self.golden.strong is not None):
            raise ValueError("format 2 has dials and golden.strong, and format 1 has neither")
        has_int8 = any(Path(name).stem.endswith(INT8_SUFFIX) for name in self.files)
        if self.dials and has_int8 and not all(layer.in_int8 for layer in self.dials.layers):
            raise ValueError("dials.layers have no places in the int8 file")
        return self

    def _check_answer(self, name: str, answer: Frame | None) -> None:
        if answer is None:
            raise ValueError(f"golden.{name} is missing")
        height, width, _ = self.golden.input.shape
        if answer.shape != (expected := (self.scale * height, self.scale * width, 3)):
            raise ValueError(f"golden.{name} is {answer.shape} in place of {expected}")
        if np.ptp(answer) == 0 < np.ptp(self.golden.input):
            raise ValueError(f"golden.{name} is a picture of one colour")


class Dialled:
    """A student's ONNX file at any dials, in one engine; the last few settings stay ready."""

    def __init__(self, section: DialSection, data: bytes, *, engine: str, threads: int) -> None:
        self._fold = section.fold_int8 if ENGINES[engine].needs_int8_file else section.fold_float
        self._data, self._engine, self._threads = data, ENGINES[engine], threads
        self.at = lru_cache(maxsize=KEPT_SETTINGS)(self._at)

    def _at(self, dials: Dials) -> Running:
        """The student at `dials`. Raises SharpcamError for such as there are not."""
        return self._engine.start(self._fold(self._data, dials), threads=self._threads)


@dataclass
class Student:
    """A student ready to run, from any thread. Make one with `load_student`."""

    contract: dict[str, Any]
    geometry: GeometryParams
    engine: str  # one of ENGINES
    threads: int
    running: Running
    skipped: dict[str, str] = field(default_factory=dict)  # engines that cannot run it here, and why
    dials: Dials | None = None  # that it is set to; None: it has none
    dialled: Dialled | None = None
    estimator: Estimator | None = None

    def with_dials(self, dials: Dials) -> "Student":
        """The same student set to other dials. Raises SharpcamError where it has none, or they are not in 0..1."""
        if self.dialled is None:
            raise SharpcamError("This student has no dials: it was made before there were any. Choose another model.")
        return replace(self, dials=dials, running=self.dialled.at(dials))

    def turned(self, **dials: float) -> "Student":
        """The same student with some of its dials set. Raises what `with_dials` raises."""
        return self.with_dials((self.dials or Dials(0, 0, 0, 0))._replace(**dials))

    @property
    def dials_sha256(self) -> str:
        """Hash of what decides about its dials: how they fold, and the estimator."""
        parts = [self.contract.get(name) for name in ("dials", "estimator")]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def estimate(self, frames: Iterable[Frame]) -> Dials | None:
        """The dials of the camera that took all of `frames`, (h, w, 3) uint8 or uint16, as they left it.

        None: the student has no dials, or came without an estimator.
        """
        return None if self.estimator is None else self.estimator.estimate(frames)

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


class KnownAnswer(NamedTuple):
    """A frame and what the student makes of it at `dials`, None: as it was exported."""

    dials: Dials | None
    given: Frame
    expected: Frame


class Contract(NamedTuple):
    """The contract of a student, and where it lies."""

    file: Path
    content: dict[str, Any]
    promise: Promise

    @property
    def geometry(self) -> GeometryParams:
        return GeometryParams(**self.content["geometry"])

    @property
    def estimator(self) -> Estimator | None:
        """What reads the dials from frames, where there are dials and it."""
        dials, estimator = self.promise.dials, self.promise.estimator
        return estimator.estimator(Dials(*dials.neutral)) if dials and estimator else None

    def onnx(self, *, int8: bool) -> Path | None:
        """The ONNX file of that precision, where there is one."""
        names = [name for name in self.content["files"] if Path(name).stem.endswith(INT8_SUFFIX) == int8]
        return self.file.with_name(names[0]) if names else None

    def known_answers(self, *, int8: bool) -> Iterator[KnownAnswer]:
        """What the student makes of the golden frame: as it is, and at strong dials where it has some."""
        golden = self.promise.golden
        yield KnownAnswer(None, golden.input, golden.output_int8 if int8 else golden.output)
        if strong := golden.strong:
            yield KnownAnswer(Dials(*strong.dials), golden.input, strong.output_int8 if int8 else strong.output)

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
        promise = Promise.model_validate(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = "".join(f"{part}." for part in wrong["loc"])[:-1]
        problem = f"{where}{': ' if where else ''}{wrong['msg'].removeprefix('Value error, ')}"
        raise SharpcamError(
            f'{file} is no contract of a student ({problem}). Run "dvc repro export" to write it again.'
        ) from None
    return Contract(file, content, promise)


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
    data = _checked_bytes(file, contract)
    student = Student(contract.content, contract.geometry, name, threads, _running(file, name, threads))
    if section := contract.promise.dials:
        student.dials = Dials(*section.neutral)
        student.dialled = Dialled(section, data, engine=name, threads=threads)
        student.estimator = contract.estimator
    _check_answers(student, contract, file)
    return student


def _running(file: Path, name: str, threads: int) -> Running:
    try:
        return ENGINES[name].start(file, threads=threads)
    except SharpcamError:
        raise
    except Exception as error:  # OpenVINO's errors have no common class
        reason = (str(error).splitlines() or [""])[-1][:200]
        raise SharpcamError(f'{file} is no model that {name} can run ({reason}). Run "dvc repro export".') from None


def _check_answers(student: Student, contract: Contract, file: Path) -> None:
    """Raise SharpcamError unless the student answers as its contract knows, also at the dials that this names."""
    engine = ENGINES[student.engine]
    for known in contract.known_answers(int8=engine.needs_int8_file):
        running = (student if known.dials is None else student.with_dials(known.dials)).running
        if not knows_answer(running, known.given, known.expected, levels=TOLERANCE[engine.precision]):
            at = " with strong dials" if known.dials else ""
            raise SharpcamError(
                f"{file} fails its known-answer test{at} in {student.engine} on this machine. "
                "Train it again, or take another model."
            )


def _checked_bytes(file: Path, contract: Contract) -> bytes:
    """The file's content. Raises SharpcamError where it is not that of its contract."""
    if not file.is_file():
        raise SharpcamError(f'No student at {file}. Run "dvc repro export", or "dvc pull" to fetch it.')
    data = file.read_bytes()
    if contract.content["files"].get(file.name) != hashlib.sha256(data).hexdigest():
        raise SharpcamError(f'{file} is not the file of its contract (its hash differs). Run "dvc repro export" again.')
    return data


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
