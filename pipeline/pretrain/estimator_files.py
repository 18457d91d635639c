"""An estimator that was trained, as files: as ONNX for contracts, and inside a restorer."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError
from pipeline.export.onnx_export import as_onnx
from pipeline.pretrain.weights import read_weights
from pipeline.student.estimator import PRIOR_WEIGHTS
from training import checkpoints
from training.models import MODELS
from training.models.estimator import SMALLEST_PX, Estimator, Reading

OPSET = 18
SMALL = 256  # numbers that are not worth storing in fp16


def put_into(file: Path, estimator: Estimator) -> None:
    """Let the restorer in `file` read its dials by `estimator`. Raises SharpcamError where it has no dials."""
    model, recipe = read_weights(file, option="--restorer")
    if recipe["model"] != "restorer" or not recipe["arguments"].get("dials"):
        raise SharpcamError(f"{file} is not a restorer with dials. Name another file with --restorer.")
    recipe["arguments"]["estimator"] = True
    whole = MODELS["restorer"](**recipe["arguments"])
    parts = model.state_dict() | {f"estimator.{name}": value for name, value in estimator.state_dict().items()}
    whole.load_state_dict(parts)
    checkpoints.save(file, whole, recipe, dtype=torch.float16)


class Exported(nn.Module):
    """The estimator with named outputs."""

    def __init__(self, estimator: Estimator) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, frame: Tensor) -> Reading:
        reading: Reading = self.estimator(frame)
        return reading


def to_onnx(estimator: Estimator) -> bytes:
    """The estimator as ONNX, its prior's weights in the metadata."""
    rows, columns = (torch.export.Dim(name, min=SMALLEST_PX, max=8192) for name in ("rows", "columns"))
    example, shapes = torch.zeros(1, 3, 96, 128), {2: rows, 3: columns}
    model = as_onnx(Exported(estimator), example, shapes, outputs=["values", "weights"], opset=OPSET)
    halve_weights(model.graph)
    prior = [round(float(weight), 6) for weight in estimator.prior.exp()]
    onnx.helper.set_model_props(model, {PRIOR_WEIGHTS: json.dumps(prior)})
    return bytes(model.SerializeToString(deterministic=True))


def halve_weights(graph: onnx.GraphProto) -> None:
    """Store what is large in fp16; engines make fp32 of it once, as they load."""
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > SMALL:
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_fp16"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
