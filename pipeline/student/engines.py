"""The engines that can run a student, each uint8 in and uint8 out. What they need is imported where it is used."""

import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame

Batch = NDArray[np.float32]  # (1, 3, H, W), 0..1
Form = Literal["float", "int8", "web"]  # of a student, as it lies in a file
LEVELS = 255
CUDA = "CUDAExecutionProvider"
NO_CUDA = "ONNX Runtime finds no CUDA that it can use. Install CUDA and cuDNN, or take another engine."


class Running(Protocol):
    """A student in an engine."""

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """(h, w, 3) uint8 to (2h, 2w, 3) uint8, written to `out` where it is given."""


class Engine(NamedTuple):
    """One way to run a student."""

    library: str
    precision: str  # of the arithmetic: fp32 | bf16 | int8
    device: str = "cpu"

    @property
    def form(self) -> Form:
        """What of a student it runs."""
        return "int8" if self.precision == "int8" else "float"

    def missing(self) -> str:
        """Why this machine cannot use it, or nothing."""
        if find_spec(self.library) is None:
            return f"{self.library} is not installed"
        if self.device == "cuda" and CUDA not in _onnxruntime().get_available_providers():
            return "this ONNX Runtime has no CUDA"
        if self.precision == "bf16" and "BF16" not in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            return "this processor has no bf16"
        return ""

    def start(self, model: Path | bytes, *, threads: int) -> Running:
        """An ONNX file, or its bytes, in this engine. Raises what the library raises, which has no common class."""
        if self.library == "openvino":
            return OpenVino(model, threads=threads, precision=self.precision)
        return OnnxRuntime(model, threads=threads, device=self.device)


ENGINES = {
    "onnxruntime-fp32": Engine("onnxruntime", "fp32"),
    "onnxruntime-int8": Engine("onnxruntime", "int8"),
    "onnxruntime-cuda": Engine("onnxruntime", "fp32", "cuda"),
    "openvino-fp32": Engine("openvino", "fp32"),
    "openvino-bf16": Engine("openvino", "bf16"),
    "openvino-int8": Engine("openvino", "int8"),
}
REFERENCE = "onnxruntime-fp32"  # what the others are held to


def to_batch(frame: Frame) -> Batch:
    """(H, W, 3) uint8 to (1, 3, H, W) float32 in 0..1."""
    batch: Batch = cv2.dnn.blobFromImage(frame, 1 / LEVELS)
    return batch


def to_frame(batch: Batch, out: Frame | None = None) -> Frame:
    """(1, 3, H, W) float32 to (H, W, 3) uint8: clamped and rounded, once."""
    planes = [cv2.addWeighted(plane, LEVELS, plane, 0, 0, dtype=cv2.CV_8U) for plane in batch[0]]  # the quickest way
    frame: Frame = cv2.merge(planes, out)
    return frame


def session(model: Path | bytes, *, threads: int, device: str = "cpu") -> Any:
    """A session of ONNX Runtime. Raises SharpcamError for what it cannot run."""
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    wanted = [CUDA, "CPUExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
    if wanted[0] not in runtime.get_available_providers():
        raise SharpcamError(NO_CUDA)
    try:
        made = runtime.InferenceSession(model, options, providers=wanted)
    except Exception as error:  # ONNX Runtime's errors have no common class
        reason = (str(error).splitlines() or [""])[0][:200]
        name = "That" if isinstance(model, bytes) else str(model)
        raise SharpcamError(
            f'{name} is not a model that ONNX Runtime can run ({reason}). Run "dvc repro export".'
        ) from None
    if made.get_providers()[0] != wanted[0]:  # it would go on with the CPU, under the name of the GPU
        raise SharpcamError(NO_CUDA)
    return made


class OnnxRuntime:
    """A student in ONNX Runtime. Safe to call from several threads."""

    def __init__(self, model: Path | bytes, *, threads: int, device: str = "cpu") -> None:
        self.session = session(model, threads=threads, device=device)
        self.input = self.session.get_inputs()[0].name

    def infer(self, batch: Batch) -> Batch:
        """The network alone: (1, 3, h, w) to (1, 3, 2h, 2w), float32, unclamped."""
        answer: Batch = self.session.run(None, {self.input: batch})[0]
        return answer

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """(h, w, 3) uint8 to (2h, 2w, 3) uint8. Raises SharpcamError where the network gives no numbers."""
        answer = self.infer(to_batch(frame))
        if not np.isfinite(answer).all():
            raise SharpcamError("The student gave values that are NaN or infinite. Take another model, or train again.")
        return to_frame(answer, out)


class OpenVino:
    """A student in OpenVINO, its pixels read and written by the graph itself. Threads that call it wait for each other.

    A picture's size is compiled in, which makes it faster; each size is compiled once.
    """

    def __init__(self, model: Path | bytes, *, threads: int, precision: str) -> None:
        self.model = openvino_core().read_model(model)
        if precision == "int8":
            round_before_shuffle(self.model)
        self.settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        self.requests: dict[tuple[int, int], Any] = {}
        self.lock = Lock()

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """(h, w, 3) uint8 to (2h, 2w, 3) uint8."""
        import openvino

        height, width = frame.shape[:2]
        with self.lock:
            request = self.requests.get((height, width)) or self._compile(height, width)
            if out is None:
                out = np.empty(tuple(request.model_outputs[0].shape)[1:], np.uint8)
            request.set_output_tensor(openvino.Tensor(out[None], shared_memory=True))
            request.infer([np.ascontiguousarray(frame)[None]], share_inputs=True, share_outputs=True)
        return out

    def _compile(self, height: int, width: int) -> Any:
        model = self.model.clone()
        model.reshape([1, 3, height, width])
        compiled = openvino_core().compile_model(with_pixels(model), "CPU", self.settings)
        self.requests[height, width] = compiled.create_infer_request()
        return self.requests[height, width]


def round_before_shuffle(model: Any) -> None:
    """Let an OpenVINO `model` that ends in a pixel shuffle shuffle uint8: the last convolution rounds as it goes."""
    from openvino import opset13 as operations

    shuffle = model.get_results()[0].input_value(0).get_node()
    if shuffle.get_type_name() == "DepthToSpace":
        ends = (np.float32(end) for end in (0, 1, 0, LEVELS))
        rounded = operations.fake_quantize(shuffle.input_value(0), *ends, LEVELS + 1)
        shuffle.input(0).replace_source_output(operations.convert(rounded, "u8").output(0))
        model.validate_nodes_and_infer_types()


def with_pixels(model: Any) -> Any:
    """An OpenVINO `model` (1, 3, h, w) as one of uint8 pixels (1, h, w, 3), clamped and rounded in the graph."""
    from openvino import Layout, Type
    from openvino import opset13 as operations
    from openvino.preprocess import PrePostProcessor

    def levels(picture: Any) -> Any:
        grown = operations.multiply(operations.clamp(picture, 0.0, 1.0), np.float32(LEVELS))
        return operations.round(grown, "half_to_even").output(0)

    pixels = PrePostProcessor(model)
    pixels.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    pixels.input().model().set_layout(Layout("NCHW"))
    pixels.input().preprocess().convert_element_type(Type.f32).scale(float(LEVELS))
    pixels.output().model().set_layout(Layout("NCHW"))
    if model.output().get_element_type() != Type.u8:
        pixels.output().postprocess().custom(levels).convert_element_type(Type.u8)
    pixels.output().tensor().set_layout(Layout("NHWC"))
    return pixels.build()


def machine(libraries: Sequence[str] = ("onnxruntime", "openvino")) -> list[str]:
    """What a measured speed depends on besides the model: the processor, its cores, the versions of `libraries`."""
    return [processor(), f"{cores()} cores", *(f"{name} {_version(name)}" for name in libraries)]


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        named = [line for line in listing.read_text().splitlines() if line.startswith("model name")]
        if named:
            return named[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


@cache
def openvino_core() -> Any:
    """The one core of this process, for good.

    Each core gives the thread that makes it a stack for signal handlers of its own, and puts the former one back as it
    goes: where two go in the order they came in, that former one is gone, and the next signal ends the process.
    """
    import openvino

    return openvino.Core()


def _onnxruntime() -> Any:
    import onnxruntime

    return onnxruntime
