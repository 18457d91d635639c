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
from pipeline.student.dials import Dials
from pipeline.student.estimator import PRIOR_WEIGHTS, load_estimator
from training import checkpoints
from training.models import MODELS
from training.models.dials import NEUTRAL
from training.models.estimator import SMALLEST_PX, Estimator, Reading

OPSET = 18
SMALL = 256  # numbers that are not worth storing in fp16
HALVED = "_fp16"  # ends the names of those that are


def put_into(file: Path, estimator: Estimator) -> None:
    """Let the restorer in `file` read its dials by `estimator`. Raises SharpcamError where it has no dials."""
    model, recipe = read_weights(file, option="--restorer")
    if recipe["model"] != "restorer" or not recipe["arguments"].get("dials"):
        raise SharpcamError(f"{file} is not a restorer with dials. Name another file with --restorer.")
    recipe["arguments"]["estimator"] = estimator.channels
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
    prior = [round(float(weight), 6) for weight in estimator.prior.detach().exp()]
    onnx.helper.set_model_props(model, {PRIOR_WEIGHTS: json.dumps(prior)})
    return bytes(model.SerializeToString(deterministic=True))


def from_onnx(file: Path) -> Estimator:
    """The estimator that `to_onnx` wrote to `file`. Raises SharpcamError for a file that holds none."""
    try:
        stored = load_estimator(file, Dials(*NEUTRAL))
        tensors = onnx.load_from_string(stored.onnx).graph.initializer
        arrays = {tensor.name.removesuffix(HALVED): onnx.numpy_helper.to_array(tensor) for tensor in tensors}
        estimator = Estimator(channels=len(arrays["estimator.body.0.weight"]))
        state = {name: torch.tensor(arrays[f"estimator.{name}"]).float() for name in weights_of(estimator)}
        estimator.load_state_dict(state | {"prior": torch.from_numpy(stored.prior_weights).float().log()})
    except (OSError, KeyError, RuntimeError, SharpcamError) as error:
        raise SharpcamError(f"{file} is not an estimator to start from ({error}). Name another with --start.") from None
    return estimator


def weights_of(estimator: Estimator) -> list[str]:
    """The names of what its network learned; the prior is kept apart."""
    return [name for name in estimator.state_dict() if name != "prior"]


def halve_weights(graph: onnx.GraphProto) -> None:
    """Store what is large in fp16; engines make fp32 of it once, as they load."""
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > SMALL:
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}{HALVED}"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
