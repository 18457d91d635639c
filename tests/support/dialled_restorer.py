"""A small restorer with random weights whose dials show, and whose pictures the guard lets pass."""

from pathlib import Path

import torch
from torch import nn

from training import checkpoints
from training.models import MODELS

SPREAD, SPREAD_OF_DIALS = 0.05, 3.0


def dialled_restorer(*, estimator: bool = True) -> nn.Module:
    """With dials; with an estimator it reads them from a lone picture itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MODELS["restorer"](width=8, blocks=[1, 1], dials=True, estimator=estimator).eval()
        for name, parameter in model.requires_grad_(False).named_parameters():
            nn.init.normal_(parameter, std=SPREAD_OF_DIALS if name == "dials.out.weight" else SPREAD)
            if name.endswith("beta"):
                nn.init.ones_(parameter)
    return model


def write_dialled_restorer(path: Path) -> None:
    """Write it as the restorer that sharpcam comes with."""
    recipe = {"model": "restorer", "arguments": {"width": 8, "blocks": [1, 1], "dials": True, "estimator": True}}
    checkpoints.save(path, dialled_restorer(), recipe, dtype=torch.float16)
