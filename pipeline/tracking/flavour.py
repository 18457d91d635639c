"""A student as MLflow's own tools take it: `mlflow.pyfunc.load_model`, `mlflow.onnx.load_model`, `mlflow models serve`.

float32 (N, 3, H, W) in 0..1, any N, H and W, gives (N, 3, 2H, 2W), not clamped, at the neutral dials.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.tracking.run import Run, undisturbed

NEEDED = ("mlflow", "numpy", "onnx", "onnxruntime")  # to predict
EXAMPLE = (1, 3, 12, 16)  # the shape of the example that MLflow keeps beside the model


def signature() -> Any:
    """What goes in and comes out, as MLflow checks it."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    pictures = Schema([TensorSpec(np.dtype(np.float32), (-1, 3, -1, -1))])
    return ModelSignature(inputs=pictures, outputs=pictures)


def save(student: Path, folder: Path, *, scale: int) -> None:
    """Make `folder` an MLflow model of the float ONNX file `student`, which enlarges `scale` times."""
    import mlflow

    mlflow.onnx.save_model(
        for_any_shape(onnx.load(student), scale=scale),
        folder,
        signature=signature(),
        input_example=np.random.default_rng(0).random(EXAMPLE, np.float32),
        pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def for_any_shape(model: onnx.ModelProto, *, scale: int) -> onnx.ModelProto:
    """The student, which takes one frame of even sides, for any number of frames of any sides.

    The last row and column are repeated where a side is odd, and what that adds to the picture is cut off again.
    """
    graph = model.graph
    (frame,), (picture,) = graph.input, graph.output
    inner = {frame.name: "even", picture.name: "whole"}
    for node in graph.node:
        node.input[:] = [inner.get(name, name) for name in node.input]
        node.output[:] = [inner.get(name, name) for name in node.output]
    before = [
        helper.make_node("Shape", [frame.name], ["sides"], start=2, end=4),
        helper.make_node("Mod", ["sides", "two"], ["odd"]),
        helper.make_node("Concat", ["no_pads", "odd"], ["pads"], axis=0),
        helper.make_node("Pad", [frame.name, "pads"], ["even"], mode="edge"),
    ]
    after = [
        helper.make_node("Mul", ["sides", "scale"], ["ends"]),
        helper.make_node("Slice", ["whole", "starts", "ends", "axes"], [picture.name]),
    ]
    constants = {"two": [2], "no_pads": [0] * 6, "scale": [scale], "starts": [0, 0], "axes": [2, 3]}
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(np.array(values), name) for name, values in constants.items())
    for given, name, height, width in (
        (graph.input, frame.name, "height", "width"),
        (graph.output, picture.name, "picture_height", "picture_width"),
    ):
        given.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, height, width]))
    onnx.checker.check_model(model)
    return model


@undisturbed()
def log_student(run: Run, model: Any, example: Any) -> None:
    """Log the torch `model` to the run as a model with a signature; `example` is an input, float32 (N, 3, H, W)."""
    import mlflow
    import torch

    with mlflow.start_run(run_id=run.id):
        mlflow.pytorch.log_model(
            model,
            name="student",
            input_example=example,
            signature=signature(),
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
        )
