"""A network of torch in OpenVINO. The graph knows no size; each size of picture that comes is compiled in, once."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError
from pipeline.student.dials import Dials
from pipeline.student.engines import openvino_core
from pipeline.teacher.device import Precision
from pipeline.teacher.inference import apply, read_dials, takes_dials
from pipeline.teacher.step import Picture
from training.models.dials import DIALS, NEUTRAL
from training.models.local_mean import ChannelMean

MOST_PARAMETERS = 8_000_000  # converting takes several times their memory, and with those of NAFSSR a minute
EXAMPLE = (1, 3, 36, 44)  # neither side is a multiple that a network could pad to
KEPT_SIZES = 2  # of pictures; each holds the buffers of a whole frame

Size = tuple[int, int]  # (height, width)


class OpenVinoNetwork:
    """Computes pictures (H, W, 3) of any size. Not for several threads at once."""

    def __init__(self, model: nn.Module, *, precision: Precision) -> None:
        """Raises SharpcamError where `model`, on the CPU in fp32, cannot be converted."""
        self.model = model if takes_dials(model) else None
        self.graph = converted(model)
        self.settings = {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        self.requests: dict[Size, Any] = {}

    def __call__(self, picture: Picture, dials: Dials | None = None) -> Picture:
        import openvino

        height, width = picture.shape[:2]
        request = self.requests.get((height, width)) or self._compile(height, width)
        answer = np.empty(tuple(request.model_outputs[0].shape)[1:], np.float32)
        request.set_output_tensor(openvino.Tensor(answer[None], shared_memory=True))
        inputs = [np.ascontiguousarray(picture)[None]]
        if self.model is not None:
            inputs.append(np.array([dials or read_dials(self.model, picture)], np.float32))
        request.infer(inputs, share_inputs=True, share_outputs=True)
        return answer

    def _compile(self, height: int, width: int) -> Any:
        if len(self.requests) >= KEPT_SIZES:
            del self.requests[next(iter(self.requests))]
        graph = self.graph.clone()
        graph.reshape({0: [1, 3, height, width]} | ({} if self.model is None else {1: [1, len(DIALS)]}))
        compiled = openvino_core().compile_model(channels_last(graph), "CPU", self.settings)
        self.requests[height, width] = compiled.create_infer_request()
        return self.requests[height, width]


class _Whole(nn.Module):
    """A network from one frame, and dials if it takes some, to one picture, however many views it takes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, frame: Tensor, dials: Tensor | None = None) -> Tensor:
        return apply(self.model, frame, dials)


def converted(model: nn.Module) -> Any:
    """`model` as an OpenVINO graph (1, 3, H, W), any H and W; behind it (1, 4) of dials for one that takes some.

    Raises SharpcamError where that cannot be.
    """
    import openvino

    if (count := sum(parameter.numel() for parameter in model.parameters())) > MOST_PARAMETERS:
        raise SharpcamError(f"with {count / 1e6:.0f} million parameters it would take too much memory to convert")
    if any(isinstance(part, ChannelMean) and part.window_px for part in model.modules()):
        raise SharpcamError("its local converter depends on a picture's size, which a converted graph does not see")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the trace's, of sizes that decide a branch: the known answer has others
            example = (torch.zeros(EXAMPLE), *([torch.tensor([NEUTRAL])] if takes_dials(model) else []))
            return openvino.convert_model(_Whole(model).eval(), example_input=example)
    except Exception as error:  # OpenVINO's errors have no common class
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise SharpcamError(f"it cannot be converted ({reason})") from None


def channels_last(graph: Any) -> Any:
    """A `graph` (1, 3, h, w) of fixed size as one from (1, h, w, 3) to (1, H, W, 3), as pictures lie in memory.

    An input of dials behind that stays as it is.
    """
    from openvino import Layout
    from openvino.preprocess import PrePostProcessor

    pixels = PrePostProcessor(graph)
    for end in (pixels.input(0), pixels.output()):
        end.tensor().set_layout(Layout("NHWC"))
        end.model().set_layout(Layout("NCHW"))
    return pixels.build()
