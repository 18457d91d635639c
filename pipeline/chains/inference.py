"""Runs the networks of a chain: each is loaded once per process, and one at a time computes one whole frame.

channels_last throughout, where convolutions and LayerNorm are fastest. With bf16 the convolutions compute in half
precision; sums over pixels and channels do not, as the models see to themselves.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.chains.engine import Engine, Precision, has_bf16
from pipeline.chains.networks import load_network, with_run_time
from pipeline.chains.step import Picture
from pipeline.chains.weight_files import sha256_of
from pipeline.errors import SharpcamError
from training import checkpoints
from training.models.nafssr import NAFSSR, same_view_twice

_computing = Lock()  # a second frame at the same time is no faster and doubles the memory


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


def infer(picture: Picture, *, source: Source, engine: Engine, tlc_px: tuple[int, int] | None) -> Picture:
    """What the network makes of `picture` (H, W, 3) float32, unclamped. `tlc_px`: (height, width), or no TLC.

    Raises SharpcamError where the weights are not those of `source`, or the device has too little memory.
    """
    with _computing:
        model, device = loaded(source, engine=engine, tlc_px=tlc_px), engine.settled_device
        try:
            return forward(model, picture, device=device, precision=engine.settled_precision)
        except torch.OutOfMemoryError:
            height, width = picture.shape[:2]
            raise SharpcamError(
                f"The memory of {device} is too small for {source.network} on a frame of {width}x{height}. "
                f"Free some, or set teacher.device: cpu in params.yaml."
            ) from None


@torch.inference_mode()
def forward(model: nn.Module, picture: Picture, *, device: str, precision: Precision) -> Picture:
    """`model`, which lies on `device`, applied to `picture` (H, W, 3)."""
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16"):
        return _to_picture(_apply(model, _to_frame(picture, device)))


@torch.inference_mode()
def plain(model: nn.Module, picture: Picture, *, device: str) -> Picture:
    """The same in fp32 and the layout that torch starts from: what `forward` is measured against."""
    return _to_picture(_apply(model, _to_frame(picture, device).contiguous()))


def _to_frame(picture: Picture, device: str) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].to(device)  # (1, 3, H, W), channels_last as it lies


def _to_picture(frame: Tensor) -> Picture:
    return np.ascontiguousarray(frame[0].permute(1, 2, 0).float().cpu().numpy())


def _apply(model: nn.Module, frame: Tensor) -> Tensor:
    if isinstance(model, NAFSSR) and model.views == 2:
        return same_view_twice(model, frame)
    result: Tensor = model(frame)
    return result


def loaded(source: Source, *, engine: Engine, tlc_px: tuple[int, int] | None) -> nn.Module:
    """The network on its device, ready to run; read from its file once. Raises SharpcamError where it cannot be."""
    device = engine.settled_device
    if engine.settled_precision == "bf16" and not has_bf16(device):
        raise SharpcamError(f"The GPU {device} has no bf16. Set teacher.precision: fp32 in params.yaml.")
    return _with_tlc(source, device, tlc_px) if tlc_px else _without_tlc(source, device)


@cache
def _with_tlc(source: Source, device: str, tlc_px: tuple[int, int]) -> nn.Module:
    """The network with a local converter, on the very weights of the one without."""
    return with_run_time(_without_tlc(source, device), name=source.network, tlc_px=tlc_px, **source.run_time)


@cache
def _without_tlc(source: Source, device: str) -> nn.Module:
    # torch's stubs know memory_format only without a device
    placed: nn.Module = read(source).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def read(source: Source) -> nn.Module:
    """The network from its file, without TLC, on the CPU. Raises SharpcamError where the file is not the right one."""
    model, sha256 = _read_restorer(source.folder) if source.network == "restorer" else _read_published(source)
    if sha256 != source.sha256:
        raise SharpcamError(f"The weights of {source.network} changed while the teacher ran. Run it again.")
    return model


def _read_published(source: Source) -> tuple[nn.Module, str]:
    model, provenance = load_network(source.network, folder=source.folder, **source.run_time)
    return model, str(provenance["sha256"])


def _read_restorer(folder: Path) -> tuple[nn.Module, str]:
    path = folder / "restorer.safetensors"
    with path.open("rb") as handle:
        sha256 = sha256_of(handle)
    try:
        return checkpoints.load(path)[0].requires_grad_(False), sha256
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f'{error}. Get the one that ships: "git checkout {path}".') from None
