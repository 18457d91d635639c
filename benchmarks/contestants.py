"""What `benchmarks.students` compares: students in every engine, the original one, resizes, and networks of others."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from benchmarks.timing import Job
from pipeline.core.geometry import Frame, fit
from pipeline.core.params import GeometryParams, load_params
from pipeline.core.paths import Paths
from pipeline.student.contract import INT8_SUFFIX, Contract, read_contract
from pipeline.student.engines import ENGINES, REFERENCE, Running

NOISE_PX = 256  # what an untrained student is calibrated on
ORIGINAL = "student_original"
FAMILY = ("student_s", "student_m", "student_l")
CLEAN_SUFFIX = "_clean"  # of the names of the forms for clean pictures
RESIZES = ("bicubic", "lanczos")


@dataclass(frozen=True)
class Contestant:
    """One row: something that enlarges a frame, in one engine."""

    name: str
    engine: str  # one of ENGINES, or "opencv"
    file: Path | None = None  # the ONNX file that runs
    counted: Path | None = None  # the float file, which parameters and multiplications are counted in
    contract: Contract | None = None  # of a trained student
    is_peer: bool = False  # a network of others, trained too

    @property
    def label(self) -> str:
        return f"{self.name}, {self.engine}"

    def job(self, size: tuple[int, int], *, threads: int, runs: int) -> Job:
        engine = self.engine if self.file else self.name
        return Job(engine, str(self.file or ""), size[0], size[1], threads, runs)


@dataclass(frozen=True)
class Peer:
    """A network of others: RGB, NCHW, 0..1, twice the size."""

    running: Running
    geometry: GeometryParams

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """(h, w, 3) uint8 to (H, W, 3) uint8."""
        return self.running.enhance(fit(frame, geometry=self.geometry), out)


def find_contestants(paths: Paths, peers: list[Path], folder: Path) -> Iterator[Contestant]:
    """Every student in every engine that is here, then what they are compared with.

    Those of the family that nobody has trained here are written to `folder`, and are there for their speed, as are the
    forms for clean pictures, which `benchmarks.bicubic_sr` judges.
    """
    here = [name for name in ENGINES if not ENGINES[name].missing()]
    contracts = [*sorted(paths.bundled.glob("student_*.json")), paths.contract]
    for file in filter(Path.exists, contracts):
        yield from trained_student(file, here)
    camera_forms = sorted(set(FAMILY) - {file.stem for file in contracts})
    for name in [*camera_forms, *(f"{name}{CLEAN_SUFFIX}" for name in FAMILY)]:
        plain = write_untrained(name, folder, paths)
        whole = write_int8(plain)
        files = {engine: whole if ENGINES[engine].form == "int8" else plain for engine in here}
        yield from (Contestant(name, engine, file, plain) for engine, file in files.items())
    original = write_untrained(ORIGINAL, folder, paths)
    yield Contestant(ORIGINAL, REFERENCE, original, original)
    for peer in peers:
        float_engines = [engine for engine in here if ENGINES[engine].precision == "fp32"]
        yield from (Contestant(peer.stem, engine, peer, peer, is_peer=True) for engine in float_engines)
    yield from (Contestant(kernel, "opencv") for kernel in RESIZES)


def trained_student(contract_file: Path, engines: list[str]) -> Iterator[Contestant]:
    """The student of a contract in each of `engines` that it has a file for."""
    contract = read_contract(contract_file)
    for engine in engines:
        if onnx_file := contract.file_of(ENGINES[engine].form):
            yield Contestant(contract_file.stem, engine, onnx_file, contract.file_of("float"), contract)


def write_untrained(name: str, folder: Path, paths: Paths) -> Path:
    """A network of MODELS, in the form for clean pictures where its name says so, with random weights."""
    import torch

    from pipeline.export.build import to_onnx
    from training.models import MODELS

    torch.manual_seed(0)
    form = {"clean": True} if name.endswith(CLEAN_SUFFIX) else {}
    model = MODELS[name.removesuffix(CLEAN_SUFFIX)](**form)
    for parameter in model.parameters():  # where a fresh one has zeros, an engine could leave work out
        torch.nn.init.normal_(parameter, std=0.05)
    file = folder / f"{name}.onnx"
    file.write_bytes(to_onnx(model, opset=load_params(paths.params).export.opset))
    return file


def write_int8(plain: Path) -> Path:
    """The int8 form of the network in `plain`, beside it."""
    from pipeline.export.quantise import quantise

    noise = np.random.default_rng(0).integers(0, 256, (NOISE_PX, NOISE_PX, 3), np.uint8)
    file = plain.with_name(f"{plain.stem}{INT8_SUFFIX}.onnx")
    file.write_bytes(quantise(plain.read_bytes(), [noise]))
    return file


def count(file: Path, size: tuple[int, int]) -> tuple[int, int]:
    """Parameters, and multiplications of the convolutions for a frame of `size` (width, height)."""
    model = onnx.load(file)
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, value in zip(dimensions, (1, 3, size[1], size[0]), strict=True):
        dimension.dim_value = value
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    weights = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    shapes = {
        info.name: [item.dim_value for item in info.type.tensor_type.shape.dim]
        for info in [*graph.input, *graph.value_info, *graph.output]
    }
    macs = 0
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            place = node.output[0] if node.op_type == "Conv" else node.input[0]
            macs += weights[node.input[1]] * int(np.prod(shapes[place][2:]))
    return sum(weights.values()), macs
