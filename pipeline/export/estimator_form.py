"""The estimator as browsers compute it by themselves: where in its ONNX file the weights lie, and a known answer.

The form that app/live/web/plain_estimator.mjs computes is that of training/models/estimator.py.
"""

from typing import Any

import onnx
from onnx import TensorProto

from pipeline.core.geometry import Frame
from pipeline.export.offsets import Places
from pipeline.student.estimator import SMALLEST_PX, Estimator

DEFINITION = 1
TYPES = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}
BODY = ["Conv", "Relu"] * 5
SEEN = ["Sub", "AveragePool", "Sub", "Mul", "Clip", "Concat"]  # colours, and how they differ from their neighbours'
POOLED = ["Conv", "Div", "Tanh", "Mul", "Exp", "ReduceMean", "Conv", "Sigmoid", "Mul", "ReduceMean", "Div"]


def plain_form(estimator: Estimator, golden: Frame) -> dict[str, Any] | None:
    """What the contract's `estimator.plain` holds: None for a network of another form, which needs ONNX Runtime.

    What is known is the answer to `golden` (h, w, 3) uint8, enlarged to twice its sides.
    """
    places = Places(estimator.onnx)
    nodes = [node for node in places.model.graph.node if node.op_type != "Cast"]
    frame = golden.repeat(2, axis=0).repeat(2, axis=1)
    if [node.op_type for node in nodes] != SEEN + BODY + POOLED or min(frame.shape[:2]) < SMALLEST_PX:
        return None
    *body, weight, value = [node for node in nodes if node.op_type == "Conv"]
    layers = [_layer(node, places) for node in (*body, value, weight)]
    values, weights = estimator.answer(frame)
    known = {"values": values.tolist(), "weights": weights.tolist()}
    return {"definition": DEFINITION, "layers": layers, "known": known}


def _layer(node: onnx.NodeProto, places: Places) -> dict[str, Any]:
    """A convolution's weights (out, in, k, k) and bias (out,), as they lie in the file."""
    stored = next((cast.input[0] for cast in places.model.graph.node if cast.output[0] == node.input[1]), node.input[1])
    tensor = places.constants[stored]
    weights = {"offset": places.of(stored), "type": TYPES[tensor.data_type], "shape": list(tensor.dims)}
    return {"weights": weights, "bias": places.of(node.input[2])}
