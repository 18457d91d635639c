"""A student in one engine, once its contract holds: a camera's frame in, the picture out."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame, fit
from pipeline.core.hashing import sha256_of_bytes, sha256_of_json
from pipeline.core.params import GeometryParams
from pipeline.student.calm import Calm
from pipeline.student.contract import Checksum, Contract
from pipeline.student.dials import Dials, DialSection
from pipeline.student.engines import ENGINES, Form, Running
from pipeline.student.estimator import Estimator
from pipeline.student.web_form import WebForm

# Grey levels at a known answer, by the precision; rounding adds up over the layers, a wrong kernel is off by dozens.
TOLERANCE = {"fp32": 1, "bf16": 4, "int8": 10}
KEPT_SETTINGS = 4  # of the dials of a student, each with its session


class Dialled:
    """A student's ONNX file at any dials, in one engine; the last few settings stay ready."""

    def __init__(self, section: DialSection, data: bytes, *, engine: str, threads: int) -> None:
        self._fold = section.fold_int8 if ENGINES[engine].form == "int8" else section.fold_float
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
    engine: str  # one of ENGINES, or "web"
    threads: int
    running: Running
    skipped: dict[str, str] = field(default_factory=dict)  # engines that cannot run it here, and why
    dials: Dials | None = None  # that it is set to; None: it has none
    dialled: Dialled | WebForm | None = None
    estimator: Estimator | None = None
    stream: Calm | None = None  # whose frames it is given, in their order; None: pictures that have nothing in common

    def streaming(self, calm: float = 1.0) -> "Student":
        """The same student for the frames of a new stream: what they say together is fused, by `calm` 0 to 1.

        Raises SharpcamError where `calm` is not in 0..1.
        """
        return replace(self, stream=Calm(calm, self.dials.noise if self.dials else Calm.noise))

    def fused(self, frame: Frame) -> Frame:
        """The stream's `frame` (h, w, 3) uint8 or uint16 together with those before; a picture as it is."""
        return frame if self.stream is None else self.stream.fuse(frame)

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
        return sha256_of_json(parts)

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
        return self.running.enhance(fit(self.fused(frame), geometry=self.geometry), out)


def start(contract: Contract, name: str, threads: int) -> Student:
    """The student in one engine, after its known-answer test. Raises SharpcamError where that cannot be."""
    if name not in ENGINES:
        raise SharpcamError(f'There is no engine "{name}"; there are: auto, {", ".join(ENGINES)}.')
    engine = ENGINES[name]
    if missing := engine.missing():
        raise SharpcamError(f'The engine "{name}" cannot run here: {missing}. Take "auto".')
    file = contract.file_of(engine.form)
    if file is None:
        raise SharpcamError(f'{contract.file} has no int8 form. Run "dvc repro export" again, or take "auto".')
    data = _checked_bytes(file, contract)
    student = Student(contract.content, contract.geometry, name, threads, _running(file, name, threads))
    if section := contract.schema.dials:
        student.dials = Dials(*section.neutral)
        student.dialled = Dialled(section, data, engine=name, threads=threads)
        student.estimator = contract.estimator
    _check_answers(student, contract, file, form=engine.form, levels=TOLERANCE[engine.precision])
    return student


def start_web(contract: Contract) -> Student:
    """The student in its web form, after its known-answer test: slow here, and what browsers show to the last bit.

    Raises SharpcamError where it has none, or its file is not that of the contract.
    """
    file, section, dials = contract.file_of("web"), contract.schema.web, contract.schema.dials
    if file is None or section is None or dials is None:
        raise SharpcamError(
            f"{contract.file} has no web form: only students for live video with dials do. Take another student."
        )
    form, neutral = WebForm(section, dials, _checked_bytes(file, contract)), Dials(*dials.neutral)
    student = Student(contract.content, contract.geometry, "web", 1, form.at(neutral), dials=neutral, dialled=form)
    student.estimator = contract.estimator
    _check_answers(student, contract, file, form="web", levels=0)
    return student


def _running(file: Path, name: str, threads: int) -> Running:
    try:
        return ENGINES[name].start(file, threads=threads)
    except SharpcamError:
        raise
    except Exception as error:  # OpenVINO's errors have no common class
        reason = (str(error).splitlines() or [""])[-1][:200]
        raise SharpcamError(f'{file} is not a model that {name} can run ({reason}). Run "dvc repro export".') from None


def _check_answers(student: Student, contract: Contract, file: Path, *, form: Form, levels: int) -> None:
    """Raise SharpcamError unless the student answers as its contract knows, also at the dials that this names."""
    for known in contract.known_answers(form):
        running = (student if known.dials is None else student.with_dials(known.dials)).running
        if not passes_known_answer_test(running, known.given, known.expected, levels=levels):
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
    if contract.content["files"].get(file.name) != sha256_of_bytes(data):
        raise SharpcamError(f'{file} is not the file of its contract (its hash differs). Run "dvc repro export" again.')
    return data


def passes_known_answer_test(running: Running, given: Frame, expected: Frame | Checksum, *, levels: int) -> bool:
    """Whether the answer to `given` is `expected`, but for `levels` grey levels where that is a picture."""
    try:
        answer = running.enhance(given)
    except Exception:  # the libraries' errors have no common class: tensors of other names or sizes
        return False
    if isinstance(expected, Checksum):
        return Checksum.of(answer) == expected
    if answer.shape != expected.shape:
        return False
    return bool(np.abs(answer.astype(np.int16) - expected).max() <= levels)
