"""Runs the networks of a chain: each is loaded once per process, and one at a time computes one whole frame.

In torch channels_last throughout, where convolutions and LayerNorm are fastest. With bf16 the convolutions compute in
half precision; sums over pixels and channels do not, as the models see to themselves. On the CPU another library may
take torch's place, once it has given torch's answer to a known picture.
"""

from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256_of_open
from pipeline.student.dials import Dials
from pipeline.teacher.backends import BACKENDS, REFERENCE, Compute
from pipeline.teacher.device import Engine, Precision, Source, has_bf16
from pipeline.teacher.networks import load_network, with_run_time
from pipeline.teacher.probe import db_between, known_picture
from pipeline.teacher.step import Picture
from training import checkpoints
from training.models.dials import NEUTRAL
from training.models.nafssr import NAFSSR, same_view_twice
from training.models.restorer import Restorer

KNOWN_DB = {"fp32": 70.0, "bf16": 40.0}  # at least, between a right answer and torch's in fp32
_computing = Lock()  # a second frame at the same time is no faster and doubles the memory


def infer(
    picture: Picture,
    *,
    source: Source,
    engine: Engine,
    tlc_px: tuple[int, int] | None,
    backend: str,
    dials: Dials | None = None,
) -> Picture:
    """What the network makes of `picture` (H, W, 3) float32, unclamped. `tlc_px`: (height, width), or no TLC.

    `dials` describe the camera to a network that takes some. Raises SharpcamError where the weights are not those of
    `source`, `backend` cannot run here or answers wrongly, or the device has too little memory.
    """
    with _computing:
        try:
            return started(source, engine.settled_device, tlc_px, backend)(picture, dials)
        except torch.OutOfMemoryError:
            height, width = picture.shape[:2]
            raise SharpcamError(
                f"The memory of {engine.settled_device} is too small for {source.network} on a frame of "
                f"{width}x{height}. Free some, or set teacher.device: cpu in params.yaml."
            ) from None


@cache
def started(source: Source, device: str, tlc_px: tuple[int, int] | None, backend: str) -> Compute:
    """The network ready to run on `device`; on the CPU in `backend`. Raises SharpcamError where that cannot be."""
    model = loaded(source, device=device, tlc_px=tlc_px)
    if device == "cpu":
        try:
            return start_checked(backend, model)
        except SharpcamError as error:
            raise SharpcamError(
                f"{source.network} is computed in {backend} in this project, which does not work here: {error}. Delete "
                f"data/teacher and .cache/engines: then all pictures are computed again, in what works."
            ) from None
    precision = BACKENDS[backend].precision
    if precision == "bf16" and not has_bf16(device):
        raise SharpcamError(f"The GPU {device} has no bf16. Set teacher.precision: fp32 in params.yaml.")
    return partial(forward, model, device=device, precision=precision)


def start_checked(name: str, model: nn.Module) -> Compute:
    """`model`, which lies on the CPU, in the backend `name`, after its known-answer test.

    Raises SharpcamError, with the bare reason, where that cannot be.
    """
    backend = BACKENDS[name]
    if missing := backend.missing():
        raise SharpcamError(missing)
    compute = backend.start(model)
    if name != REFERENCE and not passes_known_answer_test(compute, model, precision=backend.precision):
        raise SharpcamError("it fails its known-answer test")
    return compute


def passes_known_answer_test(compute: Compute, model: nn.Module, *, precision: Precision) -> bool:
    """Whether `compute` gives what `model` gives in torch and fp32, but for rounding in its `precision`."""
    picture = known_picture()
    expected, given = forward(model, picture, device="cpu", precision="fp32"), compute(picture)
    return given.shape == expected.shape and db_between(given, expected) >= KNOWN_DB[precision]


@torch.inference_mode()
def forward(
    model: nn.Module, picture: Picture, dials: Dials | None = None, *, device: str, precision: Precision
) -> Picture:
    """`model`, which lies on `device`, applied to `picture` (H, W, 3), told `dials` if it takes some."""
    told = None if dials is None else torch.tensor([dials], device=device)
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16"):
        return _to_picture(apply(model, _to_frame(picture, device), told))


@torch.inference_mode()
def plain(model: nn.Module, picture: Picture, *, device: str) -> Picture:
    """The same in fp32 and the layout that torch starts from: what `forward` is measured against."""
    return _to_picture(apply(model, _to_frame(picture, device).contiguous()))


def _to_frame(picture: Picture, device: str) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].to(device)  # (1, 3, H, W), channels_last as it lies


def _to_picture(frame: Tensor) -> Picture:
    return np.ascontiguousarray(frame[0].permute(1, 2, 0).float().cpu().numpy())


def apply(model: nn.Module, frame: Tensor, dials: Tensor | None = None) -> Tensor:
    """`model` on `frame` (1, 3, H, W), told `dials` (1, 4) if there are any and it takes some."""
    if isinstance(model, NAFSSR) and model.views == 2:
        return same_view_twice(model, frame)
    result: Tensor = model(frame) if dials is None or not takes_dials(model) else model(frame, dials)
    return result


def takes_dials(model: nn.Module) -> TypeGuard[Restorer]:
    """Whether what `model` gives depends on the dials of the camera."""
    return isinstance(model, Restorer) and model.dials is not None


@torch.inference_mode()
def read_dials(model: Restorer, picture: Picture) -> Dials:
    """What a network with dials, which lies on the CPU, takes the camera of `picture` (H, W, 3) for by itself."""
    if model.estimator is None:
        return Dials(*NEUTRAL)
    return Dials(*model.estimator.whole(_to_frame(picture, "cpu"))[0].tolist())


def loaded(source: Source, *, device: str, tlc_px: tuple[int, int] | None) -> nn.Module:
    """The network in fp32 on `device`, read from its file once. Raises SharpcamError where it cannot be."""
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
        sha256 = sha256_of_open(handle)
    try:
        return checkpoints.load(path)[0].requires_grad_(False), sha256
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f'{error}. Get the one that ships: "git checkout {path}".') from None
