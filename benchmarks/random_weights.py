"""Checkpoints with random numbers in the shape of the real ones: speed and memory do not depend on what is in them.

For benchmarks and tests only. No stage imports this, and outside the `with` block the hashes are refused as ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.core.hashing import sha256
from pipeline.teacher import weight_files
from pipeline.teacher.networks import NETWORKS, Network
from training import checkpoints
from training.models import MODELS

LAST_LAYERS = ("ending.", "up.0.")  # made small, so that a picture comes out much as it went in, as with real weights
SMALL = 0.01
STORED = {"nafssr": {"views": 2}}  # checkpoints hold what joins the views


@contextmanager
def random_weights(networks: list[str], *, folder: Path) -> Iterator[None]:
    """While the body runs, random weights of `networks` lie in `folder` and are taken for the known ones."""
    known = dict(weight_files.FILES)
    try:
        for name in networks:
            make_up(name, folder=folder)
        yield
    finally:
        weight_files.FILES.clear()
        weight_files.FILES.update(known)


def make_up(name: str, *, folder: Path) -> None:
    """Write random weights of one network, or of the bundled restorer, to `folder`, and have them taken for known."""
    folder.mkdir(parents=True, exist_ok=True)
    if name == "restorer":
        write_random_restorer(folder / "restorer.safetensors")
        return
    path = folder / NETWORKS[name].file
    torch.save({"params": random_state(NETWORKS[name])}, path)
    known = replace(weight_files.FILES[path.name], bytes=path.stat().st_size, sha256=sha256(path))
    weight_files.FILES[path.name] = known


def write_random_restorer(path: Path, **arguments: Any) -> None:
    """Write a bundled restorer of random weights; `arguments` are those of its model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MODELS["restorer"](**arguments)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=SMALL)
    checkpoints.save(path, model, {"model": "restorer", "arguments": arguments}, dtype=torch.float16)


def random_state(network: Network) -> dict[str, Tensor]:
    """Weights with which every block does something, and the picture stays a picture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = MODELS[network.model](**network.arguments, **STORED.get(network.model, {})).state_dict()
        last_convolution = (
            f"body.{max((int(key.split('.')[1]) for key in state if key.startswith('body.')), default=0)}."
        )
        last_layers = LAST_LAYERS if network.model != "srvgg" else (last_convolution,)
        return {key: _random(key, value, small=key.startswith(last_layers)) for key, value in state.items()}


def _random(key: str, value: Tensor, *, small: bool) -> Tensor:
    if key.endswith(("beta", "gamma")):
        return torch.randn_like(value) * 0.1
    return value * SMALL if small else value
