"""Where and how the networks of a chain are computed. Torch is asked only where the answer depends on the machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.paths import Paths

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Engine:
    """Folders of weights, the device, and the precision of convolutions: pooling and LayerNorm are always fp32."""

    bundled: Path = Paths().bundled
    downloads: Path = Paths().downloads
    device: str = "auto"  # auto: a GPU where there is one | cpu | cuda | cuda:1
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 on a GPU that has it

    @property
    def settled_device(self) -> str:
        """The device that this machine has for it. Raises SharpcamError where a named one is missing."""
        if self.device == "cpu":
            return "cpu"
        from pipeline.inference import pick_device

        return str(pick_device(self.device))

    @property
    def settled_precision(self) -> Precision:
        """The precision that `auto` comes to on this machine."""
        if self.precision != "auto":
            return self.precision
        if self.settled_device == "cpu":
            return "fp32"
        from pipeline.inference import has_bf16

        return "bf16" if has_bf16(self.settled_device) else "fp32"
