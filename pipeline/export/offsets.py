"""Where the numbers that dials act on lie in a student's ONNX files: the section `dials` of its contract."""

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from pipeline.core.errors import SharpcamError
from pipeline.export.range_table import Measured
from pipeline.student.packing import pack_array
from training.models.dials import DIALS, NEUTRAL
from training.models.student import StudentSR

WHOLE = ("weight_scale", "bias_levels", "bias_scale")  # what dials change of a convolution in whole numbers


def dial_section(
    student: StudentSR, exact: bytes, int8: bytes | None = None, ranges: Measured | None = None
) -> dict[str, Any]:
    """The contract's `dials` of a student that was exported to these bytes. Raises SharpcamError where it has none.

    `ranges`: those that its int8 file takes at all dials; None: those in the file.
    """
    if student.dials is None:
        raise SharpcamError("This student was trained without dials. Train it with the argument dials.")
    hidden, out = student.dials.hidden, student.dials.out
    arrays = {"hidden_weight": hidden.weight, "hidden_bias": hidden.bias, "out_weight": out.weight}
    section = {
        "names": list(DIALS),
        "range": [0, 1],
        "neutral": list(NEUTRAL),
        "perceptron": {name: pack_array(array.detach().numpy()) for name, array in arrays.items()},
        "layers": layers(student, exact, int8, tensors=ranges.names if ranges else []),
    }
    return section | ({"ranges": ranges_section(ranges, int8)} if ranges and int8 else {})


def ranges_section(ranges: Measured, int8: bytes) -> dict[str, Any]:
    """The ranges, and where those of the int8 file lie."""
    places = Places(int8)
    tensors = [{key: places.of(f"{name}_{key}") for key in ("scale", "zero")} for name in ranges.names]
    return {"tensors": tensors, "low": pack_array(ranges.low), "high": pack_array(ranges.high)}


def layers(student: StudentSR, exact: bytes, int8: bytes | None, *, tensors: list[str]) -> list[dict[str, Any]]:
    """The convolutions that dials act on, where their numbers lie, and which of the `tensors` they read."""
    in_float, in_int8 = Places(exact), Places(int8) if int8 else None
    nodes = {node.input[1]: node for node in in_float.model.graph.node if node.op_type == "Conv"}
    found: list[dict[str, Any]] = []
    for name, convolution in student.modulated():
        layer: dict[str, Any] = {
            "name": name,
            "channels": convolution.out_channels,
            "fan_in": convolution.weight[0].numel(),
            "float": {key: in_float.of(f"{name}.{key}") for key in ("weight", "bias")},
        }
        if in_int8:
            reads, gives = nodes[f"{name}.weight"].input[0], nodes[f"{name}.weight"].output[0]
            layer["int8"] = {key: in_int8.of(f"{gives}_{key}") for key in WHOLE}
            layer["int8"] |= {"reads": tensors.index(reads)} if reads in tensors else {}
        found.append(layer)
    return found


class Places:
    """Finds constants in the bytes of an ONNX file: where these differ once all bits of a constant are turned."""

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
        tensor.raw_data = bytes(0xFF ^ byte for byte in kept)
        turned = self.model.SerializeToString(deterministic=True)
        tensor.raw_data = kept
        if len(turned) == len(self.data):
            differing = np.flatnonzero(np.frombuffer(turned, np.uint8) != np.frombuffer(self.data, np.uint8))
            if len(differing) == len(kept) == differing[-1] - differing[0] + 1:
                return int(differing[0])
        raise SharpcamError(f"The constant {name} was not found in the exported student. Please report this.")


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
