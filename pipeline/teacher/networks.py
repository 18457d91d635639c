"""The networks of others: their shape, and loading them so that nothing but the verified weights ever runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.core.errors import SharpcamError
from pipeline.teacher.weight_files import Provenance, get_command, open_verified
from training.models import MODELS

NOTHING = "(?!)"  # a pattern that no name matches

Shapes = Mapping[str, torch.Size]


@dataclass(frozen=True)
class Network:
    """A model of MODELS with its arguments, and the file of its weights, of which parameters that match `unused`
    may be left over."""

    model: str
    arguments: Mapping[str, Any]
    file: str
    unused: str = NOTHING


NETWORKS = {
    "NAFSSR-L_4x": Network(
        model="nafssr",
        arguments={"up_scale": 4, "width": 128, "num_blks": 128},
        file="NAFSSR-L_4x.pth",
        unused=r"body\.\d+\.module\.fusion\..+",  # the exchange between the views, where there is but one
    ),
    "NAFNet-REDS-width64": Network(
        model="nafnet",
        arguments={
            "width": 64,
            "enc_blk_nums": (1, 1, 1, 28),
            "middle_blk_num": 1,
            "dec_blk_nums": (1, 1, 1, 1),
        },
        file="NAFNet-REDS-width64.pth",
    ),
    "NAFNet-SIDD-width64": Network(
        model="nafnet",
        arguments={
            "width": 64,
            "enc_blk_nums": (2, 2, 4, 8),
            "middle_blk_num": 12,
            "dec_blk_nums": (2, 2, 2, 2),
        },
        file="NAFNet-SIDD-width64.pth",
    ),
    "realesr-general-x4v3": Network(
        model="srvgg",
        arguments={"num_feat": 64, "num_conv": 32, "upscale": 4},
        file="realesr-general-x4v3.fp16.pth",
    ),
}


def load_network(name: str, *, folder: Path, **run_time: Any) -> tuple[nn.Module, Provenance]:
    """The network `name` in fp32 on the CPU, ready for inference, and the file name and sha256 it came from.

    `run_time` are arguments of the model that no weight depends on: `tlc_px`, `views`. Raises SharpcamError if
    the file is missing, not the known one, no checkpoint, or another network's.
    """
    if name not in NETWORKS:
        raise SharpcamError(f'No network is called "{name}". Known: {", ".join(NETWORKS)}.')
    network = NETWORKS[name]
    with open_verified(network.file, folder=folder) as (handle, provenance):
        state = read_state(handle)
    model = _skeleton(network, **run_time)
    expected = model.state_dict()
    if misfit := _misfit(_shapes(state), _shapes(expected), unused=network.unused):
        raise SharpcamError(
            f"{handle.name} is not a checkpoint of {name} ({_identify(state) or misfit}). {_way_out(handle)}"
        )
    model.load_state_dict({key: state[key].float() for key in expected}, assign=True)
    return model.eval().requires_grad_(False), {"network": name} | provenance


def with_run_time(model: nn.Module, *, name: str, **run_time: Any) -> nn.Module:
    """The network `name` with other run-time arguments, on the very weights that lie in `model`."""
    twin = _skeleton(NETWORKS[name], **run_time)
    twin.load_state_dict(model.state_dict(), assign=True)
    return twin.eval().requires_grad_(False)


def _skeleton(network: Network, **run_time: Any) -> nn.Module:
    """The model without numbers: no time is lost on random weights, and none can be left over by mistake."""
    with torch.device("meta"):
        return MODELS[network.model](**network.arguments, **run_time)


def read_state(handle: BufferedReader) -> dict[str, Tensor]:
    """The tensors under `params` of an official checkpoint. Nothing in the file is executed."""
    try:
        checkpoint = torch.load(handle, map_location="cpu", weights_only=True)
    except Exception as error:  # damage shows as nearly any exception, depending on the byte that it hits
        reason = str(error).strip().partition("\n")[0]
        raise SharpcamError(
            f"{handle.name} is damaged, or holds more than numbers, such as code, and was not opened "
            f"({reason}). {_way_out(handle)}"
        ) from None
    state = checkpoint.get("params") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise SharpcamError(f'{handle.name} holds no network under the key "params". {_way_out(handle)}')
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _way_out(handle: BufferedReader) -> str:
    return f'Move it away and run "{get_command(Path(handle.name))}".'


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {key: value.shape for key, value in state.items()}


def _misfit(found: Shapes, expected: Shapes, *, unused: str) -> str:
    """In words, how the parameters `found` differ from the `expected` ones; empty where they fit."""
    faults = {
        "missing": [key for key in expected if key not in found],
        "unknown": [key for key in found if key not in expected and not re.fullmatch(unused, key)],
        "of another shape": [key for key in expected if key in found and found[key] != expected[key]],
    }
    return "; ".join(f"{len(keys)} {fault}: {keys[0]} ..." for fault, keys in faults.items() if keys)


def _identify(state: Mapping[str, Tensor]) -> str:
    """Which network's parameters these are, by their names and shapes, since their number says nothing; or ""."""
    found = _shapes(state)
    for name, network in NETWORKS.items():
        if not _misfit(found, _shapes(_skeleton(network).state_dict()), unused=network.unused):
            return f"it holds {name}"
    return ""
