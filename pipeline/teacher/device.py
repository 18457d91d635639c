"""Where and how the networks of a chain are computed. Torch is asked only where the answer depends on the machine."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Source:
    """A network, and the weights that it must have."""

    network: str  # a name in NETWORKS, or "restorer"
    folder: Path
    sha256: str
    views: int | None = None  # for a network that takes several

    @property
    def run_time(self) -> dict[str, int]:
        """Arguments of the model that the weights do not fix."""
        return {} if self.views is None else {"views": self.views}


@dataclass(frozen=True)
class Engine:
    """Folders of weights and of notes, the device, and the precision of convolutions."""

    bundled: Path = field(default_factory=lambda: Paths.here().bundled)
    downloads: Path = field(default_factory=lambda: Paths.here().downloads)
    device: str = "auto"  # auto: a GPU where there is one | cpu | cuda | cuda:1
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 on a GPU that has it; on the CPU it is measured
    cache: Path = field(default_factory=lambda: Paths.here().cache)  # remembers which backend is the fastest

    @property
    def settled_device(self) -> str:
        """The device that this machine has for it. Raises SharpcamError where a named one is missing."""
        if self.device == "cpu":
            return "cpu"
        return pick_device(self.device, setting="teacher.device")

    @property
    def is_cpu(self) -> bool:
        """Whether networks compute on the CPU."""
        return self.device == "cpu" or (self.device == "auto" and self.settled_device == "cpu")

    @property
    def gpu_precision(self) -> Precision:
        """The precision that `auto` comes to on this machine's GPU."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if has_bf16(self.settled_device) else "fp32"

    def allows(self, precision: Precision) -> bool:
        """Whether networks may be computed so."""
        return self.precision in ("auto", precision)


def pick_device(name: str, *, setting: str) -> str:
    """The device called `name`; for `auto` a GPU where there is one. Raises SharpcamError where it does not work.

    `setting` is what the error calls the place where the name was given.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return str(torch.zeros(1, device=name).device)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SharpcamError(f'{setting} "{name}" does not work here ({reason}). Write "auto" or "cpu" there.') from None


@cache
def has_bf16(device: str) -> bool:
    """Whether the GPU `device` computes in bf16; one that would only imitate it does not."""
    import torch

    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
