"""Students with dials for the tests of the live page: tiny, random, with an estimator whose answers are known."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from player import SMALL, golden, in_own_shape, write_student

from pipeline.core.geometry import Frame
from pipeline.export.build import to_onnx
from pipeline.export.offsets import dial_section, with_own_biases
from pipeline.student.contract import pack_picture, unpack_picture
from pipeline.student.dials import Dials, DialSection
from pipeline.student.engines import REFERENCE, OnnxRuntime
from pipeline.student.estimator import Estimator
from pipeline.student.runtime import load_student
from training.models import MODELS
from training.models.dials import NEUTRAL

STRONG = Dials(0.75, 0.75, 0.5, 0.75)
PRIOR = (0.5, 0.5, 0.5, 0.5)
SURE = 50.0  # of each window: the first look settles what is found


def dialled_student(*, seed: int) -> tuple[bytes, dict[str, Any]]:
    """A student_s with dials that visibly change its picture, untrained: its float file, the contract's dials."""
    torch.manual_seed(seed)
    model = MODELS["student_s"](dials=True)
    with torch.no_grad():
        model.tail.weight.normal_(std=0.02)
        model.tail.bias.normal_(std=0.02)
        model.dials.out.weight.normal_(std=0.15)
    data = with_own_biases(to_onnx(model, opset=20), model)
    return data, dial_section(model, data)


def write_dialled(onnx_file: Path, *, seed: int = 1, geometry: dict[str, Any] = SMALL, **changes: Any) -> Path:
    """Such a student as ONNX, its contract of format 2 beside it; with `changes`."""
    data, section = dialled_student(seed=seed)
    known = {"format": 2, "dials": section, "estimator": estimator(), "golden": golden_of(data, section)}
    return write_student(onnx_file, data, geometry=geometry, **known | changes)


def golden_of(data: bytes, section: dict[str, Any]) -> dict[str, Any]:
    """The known answers at neutral and at strong dials."""
    known = golden(data)
    folded = DialSection.model_validate(section).fold_float(data, STRONG)
    answer = OnnxRuntime(folded, threads=1).enhance(unpack_picture(known["input"]))
    return known | {"strong": {"dials": list(STRONG), "output": pack_picture(answer)}}


def estimator() -> dict[str, Any]:
    """A contract's estimator that takes the mean colour of a window for its blur, noise and sharpening."""
    data = mean_colour_network(weight=SURE)
    return {"onnx": base64.b64encode(data).decode(), "prior_weights": list(PRIOR)}


def mean_colour_network(*, weight: float) -> bytes:
    """values: the means of red, green and blue, and their half; the same weight for each."""
    nodes = [
        helper.make_node("ReduceMean", ["frame", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "spread"], ["values"]),
        helper.make_node("Mul", ["values", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "weight"], ["weights"]),
    ]
    spread = np.array([[1, 0, 0, 0.2], [0, 1, 0, 0.2], [0, 0, 1, 0.1]], np.float32)
    constants = {"axes": np.array([2, 3]), "spread": spread, "weight": np.float32(weight), "nothing": np.float32(0)}
    graph = helper.make_graph(
        nodes,
        "estimator",
        [helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, None, None])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("values", "weights")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def estimated(frame: Frame) -> Dials:
    """What Python reads from one frame by that estimator."""
    return Estimator(mean_colour_network(weight=SURE), np.array(PRIOR), Dials(*NEUTRAL)).estimate([frame])


def pythons_at(contract: Path, frame: Frame, dials: Dials) -> Frame:
    """What ONNX Runtime in Python makes of a camera's frame with the dials set."""
    return in_own_shape(load_student(contract, engine=REFERENCE, threads=1).with_dials(dials), frame)
