"""A trained student as ONNX, float and int8, held to what torch answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pipeline.core.errors import SharpcamError
from pipeline.core.geometry import Frame
from pipeline.export.exported import STRONG, THREADS, Built
from pipeline.export.offsets import dial_section, with_own_biases
from pipeline.export.onnx_export import as_onnx
from pipeline.export.quantise import quantise
from pipeline.export.range_table import Measured
from pipeline.export.web_form import has_web_form, web_form
from pipeline.student.contract import TORCH_MOST
from pipeline.student.dials import Dials, DialSection
from pipeline.student.engines import OnnxRuntime, to_batch
from training.models.dials import NEUTRAL
from training.models.student import StudentSR

SMALLEST_SIDE = 8  # pixels of a dynamic input


@dataclass(frozen=True)
class RealFrames:
    """Frames at the student's input size: some that may have trained it, and some that the result is held to."""

    calibration: list[Frame]
    parity: list[Frame]


def build(model: nn.Module, frames: RealFrames, *, opset: int, cameras: Sequence[Dials] = ()) -> Built:
    """The student as ONNX. Raises SharpcamError where that answers otherwise than torch.

    `cameras`: the dials that it was fine-tuned with.
    """
    if isinstance(model, StudentSR) and model.dials is not None:
        return build_with_dials(model, frames, opset=opset, cameras=cameras)
    exact = to_onnx(model, opset=opset)
    difference = check_parity(model, exact, frames.parity)
    return Built(exact, quantise(exact, frames.calibration), difference)


def build_with_dials(model: StudentSR, frames: RealFrames, *, opset: int, cameras: Sequence[Dials]) -> Built:
    """The same of a student with dials, at neutral: folded by its contract it has to answer as torch does, too."""
    exact = with_own_biases(to_onnx(at_dials(model, Dials(*NEUTRAL)), opset=opset), model)
    section = DialSection.model_validate(dial_section(model, exact))
    difference = max(
        check_parity(model, exact, frames.parity),
        check_parity(at_dials(model, STRONG), section.fold_float(exact, STRONG), frames.parity),
    )
    ranges = Measured(section, exact, frames.calibration)
    own = [section.fold_float(exact, dials) for dials in cameras]
    int8 = quantise(exact, frames.calibration, ranges=ranges.at_neutral(), own=own)
    dials = dial_section(model, exact, int8, ranges)
    web = web_form(model, exact, int8, dials) if has_web_form(model) else None
    return Built(exact, int8, difference, dials, web)


def at_dials(model: StudentSR, dials: Dials) -> StudentSR:
    """The student without dials that this is at `dials`."""
    return model.folded(torch.tensor(dials)).eval()


def to_onnx(model: nn.Module, *, opset: int) -> bytes:
    """`model` as ONNX: `frame` (1, 3, H, W) to `picture` (1, 3, 2H, 2W), float32, H and W any even numbers."""
    rows, columns = (torch.export.Dim(name, min=SMALLEST_SIDE // 2, max=4096) for name in ("rows", "columns"))
    example, shapes = torch.zeros(1, 3, 64, 80), {2: 2 * rows, 3: 2 * columns}
    program = as_onnx(model, example, shapes, outputs=["picture"], opset=opset)
    return bytes(program.SerializeToString(deterministic=True))


@torch.inference_mode()
def check_parity(model: nn.Module, exported: bytes, frames: list[Frame]) -> float:
    """The largest difference to torch, unclamped. Raises SharpcamError where it is more than rounding."""
    engine = OnnxRuntime(exported, threads=THREADS)
    batches = [to_batch(frame) for frame in frames]
    answers = ((model(torch.from_numpy(batch)).numpy(), engine.infer(batch)) for batch in batches)
    difference = max(float(np.abs(ours - theirs).max()) for ours, theirs in answers)
    if not difference <= TORCH_MOST:
        raise SharpcamError(
            f"The exported student differs from torch by {difference:.1e}; at most {TORCH_MOST:.0e} is allowed."
            " Try another export.opset in params.yaml."
        )
    return difference
