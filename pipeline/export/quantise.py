"""A student in whole numbers: one ONNX file with QDQ nodes, which ONNX Runtime and OpenVINO both run as int8.

What convolutions read becomes uint8, their weights int8 with one scale per output channel. What the last ones give,
the picture, stays float: ONNX Runtime's own quantiser rounds that to 8 bits too, and each weight by itself, which
together cost a good student 3 dB. Here weights are rounded one after the other, each passing its error on to those
that are still to come, so that the answers to real frames change least (GPTQ, Frantar et al. 2023, section 3).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from pipeline.core.geometry import Frame
from pipeline.student.engines import session, to_batch
from pipeline.student.ranges import Range

MOST = 127  # of int8, the same on both sides of zero
EVERY = 8  # answers are looked at in every eighth row and column
TILE_PX = 256  # frames go through in pieces, which bounds the memory that wide networks need
OUTLIERS = 0.003  # percent of the values at either end that may be clipped; more would show in sharp pictures
SAMPLES = 50_000  # of a tensor for each piece of a frame
DAMPING = 1e-3  # of the mean square, so that inputs that never vary leave the equations solvable

Array = NDArray[Any]


@dataclass(frozen=True)
class Convolution:
    """A convolution of the graph, and what is needed to see its inputs as columns."""

    node: onnx.NodeProto
    weight: Array  # (out, in, k, k)
    bias: Array | None
    stride: int
    padding: int

    @property
    def reads(self) -> str:
        return str(self.node.input[0])

    @property
    def gives(self) -> str:
        return str(self.node.output[0])


def quantise(
    data: bytes, frames: list[Frame], *, ranges: dict[str, Range] | None = None, own: Sequence[bytes] = ()
) -> bytes:
    """The float ONNX student `data` as int8, calibrated on real `frames` (h, w, 3) uint8 at its input size.

    `ranges`: of its inner tensors, in place of those that the frames say. `own`: the same student at the dials of its
    own cameras, at which its weights are rounded best. The same student and frames give the same bytes on the same
    machine.
    """
    model = onnx.load_from_string(data)
    convolutions, frame = find_convolutions(model), model.graph.input[0].name
    found = ranges or spans(model, inner_tensors(model, convolutions), frames)
    found = found | {frame: Range(0.0, 1.0)}  # exactly the levels that a frame has: nothing is lost there
    moments = all_moments(own or [data], frames)
    graph = Rewriter(model)
    for convolution in convolutions:
        levels, scales = whole_weights(convolution.weight, moments[convolution.gives])
        graph.quantise_weights(convolution, levels, scales, input_scale=found[convolution.reads].scale)
    for name, span in found.items():
        graph.quantise_tensor(name, span)
    return graph.finish()


def find_convolutions(model: onnx.ModelProto) -> list[Convolution]:
    """The convolutions of the graph, in its order."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        bias = arrays[node.input[2]] if len(node.input) > 2 else None
        stride, padding = attributes.get("strides", [1])[0], attributes.get("pads", [0])[0]
        found.append(Convolution(node, arrays[node.input[1]], bias, stride, padding))
    return found


def inner_tensors(model: onnx.ModelProto, convolutions: list[Convolution]) -> list[str]:
    """What becomes uint8 beside the frame: what convolutions read, and answers that are added up to it."""
    read = {convolution.reads for convolution in convolutions}
    sums = [node for node in model.graph.node if node.op_type == "Add" and node.output[0] in read]
    added = {name for node in sums for name in node.input}
    gives = {convolution.gives for convolution in convolutions}
    return sorted((read | (gives & added)) - {model.graph.input[0].name})


def all_moments(students: Sequence[bytes], frames: list[Frame]) -> dict[str, Array]:
    """The `moments` of one student at several dials, each on its share of the frames: all of them together."""
    found: dict[str, Array] = {}
    count = min(len(students), len(frames))
    for index, data in enumerate(students[:count]):
        for name, squares in moments(onnx.load_from_string(data), frames[index::count]).items():
            found[name] = found.get(name, 0) + squares
    return found


def moments(model: onnx.ModelProto, frames: list[Frame]) -> dict[str, Array]:
    """By convolution the second moments (n, n) of what its weights meet."""
    convolutions = find_convolutions(model)
    found: dict[str, Array] = {}
    for values in passing(model, sorted({convolution.reads for convolution in convolutions}), frames):
        for convolution in convolutions:
            columns = met(values[convolution.reads], convolution)
            found[convolution.gives] = found.get(convolution.gives, 0) + columns.T @ columns
    return found


def spans(model: onnx.ModelProto, names: list[str], frames: list[Frame]) -> dict[str, Range]:
    """The ranges of the tensors `names`."""
    pieces = [{name: sample(values[name]) for name in names} for values in passing(model, names, frames)]
    return {name: range_of([piece[name] for piece in pieces]) for name in names}


def range_of(samples: list[Array]) -> Range:
    """The range of nearly all of the samples: a few outliers would cost all others half of their levels."""
    low, high = np.percentile(np.concatenate(samples), [OUTLIERS, 100 - OUTLIERS])
    return Range(min(0.0, float(low)), max(0.0, float(high)))


def sample(values: Array) -> Array:
    """At most about SAMPLES of a tensor's values."""
    return np.array(values.ravel()[:: max(1, values.size // SAMPLES)])


def passing(model: onnx.ModelProto, names: list[str], frames: list[Frame]) -> Iterator[dict[str, Array]]:
    """The tensors `names` for each piece of the frames."""
    frame, watched = model.graph.input[0].name, onnx.ModelProto()
    watched.CopyFrom(model)
    asked = [name for name in names if name != frame]
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in asked)
    running = session(watched.SerializeToString(), threads=1)  # one: sums in one order
    for tile in (tile for picture in frames for tile in tiles(picture)):
        batch = to_batch(tile)
        yield dict(zip(asked, running.run(asked, {frame: batch}), strict=True)) | {frame: batch}


def tiles(frame: Frame) -> Iterator[Frame]:
    """The frame in pieces."""
    for y in range(0, frame.shape[0], TILE_PX):
        for x in range(0, frame.shape[1], TILE_PX):
            yield frame[y : y + TILE_PX, x : x + TILE_PX]


def met(values: Array, convolution: Convolution) -> Array:
    """What the weights meet at a sample of places: (places, in * k * k) of `values` (1, in, h, w), float64."""
    kernel, padding = convolution.weight.shape[-1], convolution.padding
    padded = np.pad(values[0], ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    step = convolution.stride * max(1, EVERY // convolution.stride)
    sampled = windows[:, ::step, ::step].transpose(1, 2, 0, 3, 4)
    return sampled.reshape(-1, convolution.weight[0].size).astype(np.float64)


def whole_weights(weight: Array, moments: Array) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """`weight` (out, in, k, k) as int8 and a scale per output channel, rounded so that answers change least."""
    left = weight.reshape(len(weight), -1).astype(np.float64)
    scales = (np.maximum(np.abs(left).max(axis=1), 1e-6) / MOST).astype(np.float32)
    size = left.shape[1]
    damped = moments + np.eye(size) * (DAMPING * np.trace(moments) / size + 1e-12)
    passed_on = np.linalg.cholesky(np.linalg.inv(damped)).T  # upper triangle
    levels = np.empty_like(left)
    for index in range(size):
        levels[:, index] = np.clip(np.rint(left[:, index] / scales), -MOST, MOST)
        error = (left[:, index] - levels[:, index] * scales) / passed_on[index, index]
        left[:, index + 1 :] -= np.outer(error, passed_on[index, index + 1 :])
    return levels.reshape(weight.shape).astype(np.int8), scales


class Rewriter:
    """Puts QuantizeLinear and DequantizeLinear into a graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        self.added: dict[str, list[onnx.NodeProto]] = {}  # behind which tensor; "" at the start

    def quantise_tensor(self, name: str, span: Range) -> None:
        """All who read `name` read it rounded to uint8."""
        whole, rounded = f"{name}_uint8", f"{name}_rounded"
        for node in self.graph.node:
            node.input[:] = [rounded if item == name else item for item in node.input]
        numbers = [self.constant(f"{name}_scale", span.scale), self.constant(f"{name}_zero", span.zero)]
        self.added[name] = [
            helper.make_node("QuantizeLinear", [name, *numbers], [whole]),
            helper.make_node("DequantizeLinear", [whole, *numbers], [rounded]),
        ]

    def quantise_weights(
        self, convolution: Convolution, levels: Array, scales: Array, *, input_scale: np.float32
    ) -> None:
        """The convolution reads its weights from int8, its bias from int32 at the scale of the products."""
        node = convolution.node
        node.input[1] = self.dequantised(f"{convolution.gives}_weight", levels, scales)
        if convolution.bias is not None:
            products = (scales * input_scale).astype(np.float32)
            whole = np.rint(convolution.bias / products.astype(np.float64)).clip(-(2**31), 2**31 - 1)
            node.input[2] = self.dequantised(f"{convolution.gives}_bias", whole.astype(np.int32), products)

    def dequantised(self, name: str, levels: Array, scales: Array) -> str:
        """A constant of whole numbers with a scale per channel; gives the tensor to read."""
        zeros = self.constant(f"{name}_zero", np.zeros(len(scales), levels.dtype))
        inputs = [self.constant(f"{name}_levels", levels), self.constant(f"{name}_scale", scales), zeros]
        self.added.setdefault("", []).append(helper.make_node("DequantizeLinear", inputs, [f"{name}_rounded"], axis=0))
        return f"{name}_rounded"

    def constant(self, name: str, value: Array | np.generic) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def finish(self) -> bytes:
        """The model's bytes, its nodes in order and without constants that nobody reads."""
        nodes = [*self.added.get("", []), *self.added.get(self.graph.input[0].name, [])]
        for node in self.graph.node:
            nodes += [node, *(after for name in node.output for after in self.added.get(name, []))]
        read = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in read]
        del self.graph.node[:], self.graph.initializer[:], self.graph.value_info[:]
        self.graph.node.extend(nodes)
        self.graph.initializer.extend(kept)
        onnx.checker.check_model(self.model)
        return bytes(self.model.SerializeToString(deterministic=True))
