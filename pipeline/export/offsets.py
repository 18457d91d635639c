"""Where the numbers that dials act on lie in a student's ONNX files: the section `dials` of its contract."""

import hashlib
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from pipeline.core.errors import SharpcamError
from pipeline.student.dials import pack_array
from training.models.dials import DIALS, NEUTRAL
from training.models.student import StudentSR

WHOLE = ("weight_scale", "bias_levels", "bias_scale")  # what dials change of a convolution in whole numbers


def dial_section(student: StudentSR, exact: bytes, int8: bytes | None = None) -> dict[str, Any]:
    """The contract's `dials` of a student that was exported to these bytes. Raises SharpcamError where it has none."""
    if student.dials is None:
        raise SharpcamError("This student was trained without dials. Train it with the argument dials.")
    hidden, out = student.dials.hidden, student.dials.out
    arrays = {"hidden_weight": hidden.weight, "hidden_bias": hidden.bias, "out_weight": out.weight}
    return {
        "names": list(DIALS),
        "range": [0, 1],
        "neutral": list(NEUTRAL),
        "perceptron": {name: pack_array(array.detach().numpy()) for name, array in arrays.items()},
        "layers": layers(student, exact, int8),
    }


def layers(student: StudentSR, exact: bytes, int8: bytes | None) -> list[dict[str, Any]]:
    """The convolutions that dials act on, and where their numbers lie."""
    in_float, in_int8 = Places(exact), Places(int8) if int8 else None
    outputs = {node.input[1]: node.output[0] for node in in_float.model.graph.node if node.op_type == "Conv"}
    found: list[dict[str, Any]] = []
    for name, convolution in student.modulated():
        layer = {
            "name": name,
            "channels": convolution.out_channels,
            "fan_in": convolution.weight[0].numel(),
            "float": {key: in_float.of(f"{name}.{key}") for key in ("weight", "bias")},
        }
        gives = outputs[f"{name}.weight"]
        found.append(layer | ({"int8": {key: in_int8.of(f"{gives}_{key}") for key in WHOLE}} if in_int8 else {}))
    return found


class Places:
    """Finds constants in the bytes of an ONNX file: each is exchanged for a mark of its size, which is searched for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.model = onnx.load_from_string(data)
        self.constants = {tensor.name: tensor for tensor in self.model.graph.initializer}

    def of(self, name: str) -> int:
        """The offset of a constant's first byte. Raises SharpcamError where it does not lie in the file as it is."""
        tensor = self.constants.get(name)
        kept = tensor.raw_data if tensor is not None else b""
        if tensor is None or not kept:
            raise SharpcamError(f"The exported student has no constant {name}. Please report this.")
        tensor.raw_data = _mark(len(kept))
        marked = self.model.SerializeToString(deterministic=True)
        offset = int(marked.find(tensor.raw_data))
        tensor.raw_data = kept
        if self.data[offset : offset + len(kept)] != kept or len(marked) != len(self.data):
            raise SharpcamError(f"The constant {name} was not found in the exported student. Please report this.")
        return offset


def _mark(size: int) -> bytes:
    """Bytes of that size that occur nowhere else."""
    return hashlib.shake_256(b"sharpcam").digest(size)


def with_own_biases(data: bytes, student: StudentSR) -> bytes:
    """The float ONNX file, each convolution that dials act on with a bias of its own.

    torch's exporter leaves out those that are zero, and lets equal ones be one.
    """
    model = onnx.load_from_string(data)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = {node.input[1]: node for node in model.graph.node if node.op_type == "Conv"}
    for name, convolution in student.modulated():
        node, own = nodes[f"{name}.weight"], f"{name}.bias"
        if list(node.input[2:]) == [own]:
            continue
        bias = arrays[node.input[2]] if node.input[2:] else np.zeros(convolution.out_channels, np.float32)
        del node.input[2:]
        node.input.append(own)
        model.graph.initializer.append(numpy_helper.from_array(bias, own))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
