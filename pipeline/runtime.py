"""Running an exported student: uint8 frame in, uint8 picture out, no torch. Nothing runs unless its contract holds."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SharpcamError
from pipeline.files import read_json
from pipeline.geometry import Frame, fit
from pipeline.params import GeometryParams

GOLDEN_TOLERANCE = 1  # grey levels
Batch = NDArray[np.float32]  # (1, 3, H, W), 0..1


def sha256(file: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def pack_picture(picture: Frame) -> dict[str, Any]:
    """A small uint8 picture as JSON can hold it."""
    return {"shape": list(picture.shape), "base64": base64.b64encode(picture.tobytes()).decode()}


def unpack_picture(packed: dict[str, Any]) -> Frame:
    """The uint8 picture that `pack_picture` was given."""
    return np.frombuffer(base64.b64decode(packed["base64"]), np.uint8).reshape(packed["shape"])


def to_batch(frame: Frame) -> Batch:
    """(H, W, 3) uint8 to (1, 3, H, W) float32 in 0..1."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


def to_frame(batch: Batch) -> Frame:
    """(1, 3, H, W) float32 to (H, W, 3) uint8: clamped and rounded, once."""
    levels = np.rint(batch[0].clip(0, 1) * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))


@dataclass
class Student:
    """A student ready to run. Make one with `load_student`."""

    contract: dict[str, Any]
    geometry: GeometryParams
    _session: Any

    def infer(self, batch: Batch) -> Batch:
        """The network alone: (1, 3, h, w) to (1, 3, 2h, 2w), float32, unclamped."""
        answer: Batch = self._session.run(None, {self.contract["input"]["name"]: batch})[0]
        return answer

    def enhance(self, frame: Frame) -> Frame:
        """The target picture (H, W, 3) uint8 of a camera's frame (h, w, 3) uint8 of any size.

        Raises SharpcamError for what is no such frame, and where the network gives no numbers.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise SharpcamError(
                f"A frame is (height, width, 3) of uint8, RGB; this one is {frame.shape} of {frame.dtype}. Convert it."
            )
        answer = self.infer(to_batch(fit(frame, geometry=self.geometry)))
        if not np.isfinite(answer).all():
            raise SharpcamError("The student gave values that are no numbers. Take another model, or train it again.")
        return to_frame(answer)


def load_student(contract_file: Path, *, onnx_name: str | None = None, threads: int = 2) -> Student:
    """The student of a contract in ONNX Runtime on `threads` threads, after its known-answer test.

    Raises SharpcamError for a contract or an ONNX file that is missing, was changed, or answers wrongly.
    """
    contract = read_json(contract_file, made_by="export")
    if not isinstance(contract, dict) or not {"files", "golden", "geometry", "input"} <= contract.keys():
        raise SharpcamError(f'{contract_file} is no contract of a student. Run "dvc repro export" to write it again.')
    file = contract_file.with_name(onnx_name or next(iter(contract["files"])))
    _check_hash(file, contract)
    student = Student(contract, GeometryParams(**contract["geometry"]), _session(file, threads))
    _check_golden(student, file)
    return student


def _check_hash(file: Path, contract: dict[str, Any]) -> None:
    if not file.is_file():
        raise SharpcamError(f'No student at {file}. Run "dvc repro export", or "dvc pull" to fetch it.')
    if contract["files"].get(file.name) != sha256(file):
        raise SharpcamError(f'{file} is not the file of its contract (its hash differs). Run "dvc repro export" again.')


def _session(file: Path, threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common class
        reason = str(error).splitlines()[0][:200]
        raise SharpcamError(
            f'{file} is no model that ONNX Runtime can run ({reason}). Run "dvc repro export".'
        ) from None


def _check_golden(student: Student, file: Path) -> None:
    if not _knows_answer(student, student.contract["golden"]):
        raise SharpcamError(
            f"{file} fails its known-answer test on this machine. Train it again, or take another model."
        )


def _knows_answer(student: Student, golden: dict[str, Any]) -> bool:
    try:
        answer = student.infer(to_batch(unpack_picture(golden["input"])))
    except Exception:  # ONNX Runtime's errors have no common class: tensors of other names or sizes
        return False
    if not np.isfinite(answer).all():
        return False
    expected, picture = unpack_picture(golden["output"]).astype(np.int16), to_frame(answer)
    return picture.shape == expected.shape and bool(np.abs(picture - expected).max() <= GOLDEN_TOLERANCE)
