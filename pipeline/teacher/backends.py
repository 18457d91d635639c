"""The libraries that compute a chain's network on the CPU, in single or half precision, each pair under one name.

What they need is imported where it is used: a name and whether it can run here are known without torch.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.student.dials import Dials
from pipeline.student.engines import ENGINES
from pipeline.teacher.device import Precision
from pipeline.teacher.step import Picture

if TYPE_CHECKING:
    from torch import nn


class Compute(Protocol):
    """A network ready to run."""

    def __call__(self, picture: Picture, dials: Dials | None = None) -> Picture:
        """(H, W, 3) float32 in 0..1 to (scale H, scale W, 3) float32, unclamped.

        `dials` describe the camera, for a network that takes some; None: as it reads them from the picture itself.
        """


@dataclass(frozen=True)
class Torch:
    """Eager torch, channels_last. A processor without bf16 imitates it, slowly."""

    precision: Precision

    def missing(self) -> str:
        """Why this machine cannot use it, or nothing."""
        return ""

    def start(self, model: "nn.Module") -> Compute:
        """`model`, which lies on the CPU in fp32, ready to run."""
        from functools import partial

        from pipeline.teacher.inference import forward

        return partial(forward, model, device="cpu", precision=self.precision)


@dataclass(frozen=True)
class OpenVino:
    """The graph of the network in OpenVINO."""

    precision: Precision

    def missing(self) -> str:
        """Why this machine cannot use it, or nothing."""
        return ENGINES[f"openvino-{self.precision}"].missing()

    def start(self, model: "nn.Module") -> Compute:
        """`model` converted. Raises SharpcamError where it cannot be."""
        from pipeline.teacher.openvino_network import OpenVinoNetwork

        return OpenVinoNetwork(model, precision=self.precision)


BACKENDS: dict[str, Torch | OpenVino] = {  # the more exact first: a later one is chosen only where it is clearly faster
    "torch-fp32": Torch("fp32"),
    "openvino-fp32": OpenVino("fp32"),
    "torch-bf16": Torch("bf16"),
    "openvino-bf16": OpenVino("bf16"),
}
REFERENCE = "torch-fp32"  # what the others are held to
