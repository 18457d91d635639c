"""Stage 5: the trained student as ONNX, with the contract that every runtime reads instead of guessing."""

import hashlib
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from torch import nn

from pipeline.errors import SharpcamError
from pipeline.files import read_json, write_bytes, write_json
from pipeline.frames import read_frame
from pipeline.geometry import Frame, fit
from pipeline.params import GeometryParams, Params
from pipeline.paths import Paths
from pipeline.runtime import load_student, pack_picture, sha256, to_batch, to_frame
from pipeline.stage import run_stage
from pipeline.tracking import data_versions
from training import checkpoints

LARGEST_DIFFERENCE = 1e-4  # between ONNX Runtime and torch at fp32
GOLDEN_SIZE = (64, 48)  # width, height
SMALLEST_SIDE = 8  # pixels of a dynamic input


def export(paths: Paths, params: Params) -> None:
    """The stage: weights/student_sr.pth to student_sr.onnx and .json, held to torch on real frames."""
    model, recipe = load_trained(paths.student)
    frames = validation_frames(paths, params)
    data = to_onnx(model, opset=params.export.opset)
    write_bytes(paths.student_onnx, data)
    write_json(paths.contract, contract(model, recipe, paths, golden=golden_input(frames[0])))
    difference = largest_difference(model, frames, paths)
    if not difference <= LARGEST_DIFFERENCE:
        paths.contract.unlink()
        raise SharpcamError(
            f"The exported student differs from torch by {difference:.1e}; at most {LARGEST_DIFFERENCE:.0e} is allowed."
            " Try another export.opset in params.yaml."
        )
    print(
        f"export: {len(data) / 1e3:.0f} kB, largest difference to torch {difference:.1e} on {len(frames)} real frames"
    )


def load_trained(file: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The student that `train` wrote. Raises SharpcamError where there is none."""
    try:
        model, recipe = checkpoints.load(file)
    except FileNotFoundError:
        raise SharpcamError(f'No student at {file}. Run "dvc repro train", or "dvc pull" to fetch it.') from None
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f'{error}. Run "dvc repro train" again.') from None
    if not recipe["model"].startswith("student"):
        raise SharpcamError(f'{file} is a {recipe["model"]}, and a student is expected. Run "dvc repro train" again.')
    return model, recipe


def validation_frames(paths: Paths, params: Params) -> list[Frame]:
    """A few real frames that trained nothing, fitted to the student's input."""
    clips = read_json(paths.split, made_by="split")["validation"]
    files = [paths.raw / clip / f"{stem}.png" for clip, stems in clips.items() for stem in stems]
    spread = files[:: max(1, len(files) // params.export.parity_frames)][: params.export.parity_frames]
    return [fit(read_frame(file), geometry=params.geometry) for file in spread]


def golden_input(frame: Frame) -> Frame:
    """A small real picture whose answer every backend has to know."""
    return np.asarray(cv2.resize(frame, GOLDEN_SIZE, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_onnx(model: nn.Module, *, opset: int) -> bytes:
    """`model` as ONNX: `frame` (1, 3, H, W) to `picture` (1, 3, 2H, 2W), float32, H and W any even numbers."""
    rows, columns = (torch.export.Dim(name, min=SMALLEST_SIDE // 2, max=4096) for name in ("rows", "columns"))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 3, 64, 80),),
            dynamo=True,
            opset_version=opset,
            input_names=["frame"],
            output_names=["picture"],
            dynamic_shapes=({2: 2 * rows, 3: 2 * columns},),
            verbose=False,
        )
    if program is None:
        raise SharpcamError("torch gave no ONNX program. Please report this.")
    return without_traces(program.model_proto)


def without_traces(model: onnx.ModelProto) -> bytes:
    """The model's bytes without the exporter's notes, which name files of this machine."""
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


@torch.inference_mode()
def contract(model: nn.Module, recipe: dict[str, Any], paths: Paths, *, golden: Frame) -> dict[str, Any]:
    """What whoever runs the ONNX file has to know: tensors, range, geometry, hashes, a known answer, its origin."""
    geometry = GeometryParams(**recipe["geometry"])
    tensor = {"layout": "NCHW", "type": "float32", "channels": "RGB", "range": [0, 1]}
    answer = model(torch.from_numpy(to_batch(golden))).numpy()
    if not np.isfinite(answer).all():
        raise SharpcamError(f"{paths.student} gives values that are no numbers. Train it again, at a lower rate.")
    return {
        "format": 1,
        "model": recipe["model"],
        "scale": geometry.scale,
        "multiple_of": 2,
        "input": {"name": "frame", **tensor},
        "output": {"name": "picture", **tensor, "clamped": False},
        "geometry": geometry.model_dump(),
        "files": {paths.student_onnx.name: sha256(paths.student_onnx)},
        "weights_sha256": sha256(paths.student),
        "golden": {"input": pack_picture(golden), "output": pack_picture(to_frame(answer))},
        "best": recipe["best"],
        "data": data_versions(paths.root) | {"split": hashlib.sha256(paths.split.read_bytes()).hexdigest()},
    }


@torch.inference_mode()
def largest_difference(model: nn.Module, frames: list[Frame], paths: Paths) -> float:
    """Between torch and ONNX Runtime at fp32, over real frames, unclamped."""
    student = load_student(paths.contract)
    batches = [to_batch(frame) for frame in frames]
    return max(float(np.abs(model(torch.from_numpy(batch)).numpy() - student.infer(batch)).max()) for batch in batches)


if __name__ == "__main__":
    sys.exit(run_stage("export", export))
