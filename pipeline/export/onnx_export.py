"""A network as ONNX, without notes of the machine that exported it."""

import logging
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError


def as_onnx(model: nn.Module, example: Tensor, shapes: Any, *, outputs: list[str], opset: int) -> onnx.ModelProto:
    """`model` with one input, `frame`, traced on `example`; `shapes` names the sides of it that may vary."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.eval(),
            (example,),
            dynamo=True,
            opset_version=opset,
            input_names=["frame"],
            output_names=outputs,
            dynamic_shapes=(shapes,),
            verbose=False,
        )
    if program is None:
        raise SharpcamError("torch gave no ONNX program. Please report this.")
    return without_traces(program.model_proto)


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the exporter's notes, which name files of this machine; in place."""
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    onnx.checker.check_model(model)
    return model
