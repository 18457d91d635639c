"""A live student's web form (pipeline.student.web_form) as one file, and the section `web` of its contract."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from pipeline.export.quantise import find_convolutions
from pipeline.student.dials import Dials, DialSection
from pipeline.student.web_form import ALIGNED, DEFINITION, FOLD, WebForm, WebNetwork, WebSection, network
from training.models.student import StudentSR

INT16_MOST = 2**15 - 1  # of the weights that meet pixels

Array = NDArray[Any]


class Web(NamedTuple):
    """The file, and the section of the contract that says what lies where."""

    data: bytes
    section: dict[str, Any]

    def at(self, section: DialSection, dials: Dials) -> WebNetwork:
        """The student in that form at `dials`, `section` being those of its contract."""
        return WebForm(WebSection.model_validate(self.section), section, self.data).at(dials)


def has_web_form(model: nn.Module) -> bool:
    """Whether it is of the form for live video: what the browser computes by itself, one layer after the other."""
    return (
        isinstance(model, StudentSR)
        and model.dials is not None
        and model.fold == FOLD
        and not any(block.rectified for block in model.body)
        and model.head.out_channels in (16, 32)
    )


def web_form(model: StudentSR, exact: bytes, int8: bytes, dials: dict[str, Any]) -> Web:
    """The web form of a student whose ONNX files are these, with the `dials` of its contract.

    What 3x3 convolutions multiply by are the levels of the int8 file, which were rounded so that answers change least.
    Those that meet the frame have 16 bits, where plain rounding costs nothing.
    """
    reads = {layer["name"]: layer["int8"].get("reads") for layer in dials["layers"]}
    finer, packer, layers = levels_of(int8), Packer(), []
    convolutions = {
        convolution.node.input[1].removesuffix(".weight"): convolution
        for convolution in find_convolutions(onnx.load_from_string(exact))
    }
    channels, blocks = model.head.out_channels, len(model.body)
    for name, kind, shape in network(channels, blocks):
        convolution = convolutions[name]
        levels, scale = finer[convolution.gives] if kind == "int8" else rounded(convolution.weight)
        bias = convolution.bias if convolution.bias is not None else np.zeros(shape[0])
        weights = {"offset": packer.add(levels.transpose(0, 2, 3, 1), kind), "type": kind, "shape": list(shape)}
        layer = {"name": name, "weights": weights, "scale": packer.add(scale, "<f4"), "bias": packer.add(bias, "<f4")}
        layers.append(layer | {"reads": reads.get(name)})
    described = {"definition": DEFINITION, "channels": channels, "blocks": blocks, "layers": layers}
    return Web(bytes(packer.data), described)


def levels_of(int8: bytes) -> dict[str, tuple[Array, Array]]:
    """Weights (out, in, k, k) and their scales (out,) in the int8 file, by what the convolution gives."""
    model = onnx.load_from_string(int8)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    ends = ("_weight_levels", "_weight_scale")
    gives = [name.removesuffix(ends[0]) for name in arrays if name.endswith(ends[0])]
    return {name: (arrays[name + ends[0]], arrays[name + ends[1]]) for name in gives}


def rounded(weight: Array) -> tuple[Array, Array]:
    """`weight` (out, in, k, k) as whole numbers of 16 bits, and a scale (out,) for each output channel."""
    exact = weight.astype(np.float64)
    scale = (np.maximum(np.abs(exact).max(axis=(1, 2, 3)), 1e-6) / INT16_MOST).astype(np.float32)
    return np.rint(exact / scale[:, None, None, None]).clip(-INT16_MOST, INT16_MOST), scale


@dataclass
class Packer:
    """Arrays one after the other, little-endian, each where a vector can be loaded from."""

    data: bytearray = field(default_factory=bytearray)

    def add(self, array: Array, kind: str) -> int:
        """Append the array; gives its offset in bytes."""
        self.data += bytes(-len(self.data) % ALIGNED)
        offset = len(self.data)
        self.data += array.astype(np.dtype(kind).newbyteorder("<")).tobytes()
        return offset
