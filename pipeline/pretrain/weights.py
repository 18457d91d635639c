"""The network to train: as it is read, begun, or begun from another one's weights."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.core.errors import SharpcamError
from pipeline.pretrain.recipe import Recipe
from training import checkpoints
from training.descent import EmaTrainer


def new_run(recipe: Recipe, device: torch.device, start: Path | None = None) -> EmaTrainer:
    """The model at `start`, else an untrained one, the same for the same seed. Raises SharpcamError."""
    model = recipe.new_model() if start is None else started_from(start, recipe)
    return EmaTrainer(channels_last(model.to(device)), recipe.descent())


def started_from(start: Path, recipe: Recipe) -> nn.Module:
    """The network at `start`, ready to be trained on. Raises SharpcamError where it is not that of `recipe`."""
    model, found = read_weights(start, option="--start")
    if found["model"] != recipe.model or core(found["arguments"]) != core(recipe.arguments):
        raise SharpcamError(
            f"{start} holds {found['model']} with {found['arguments']}, and the recipe asks for {recipe.model} with "
            f"{recipe.arguments}. Name weights of that shape with --start."
        )
    started = recipe.new_model()
    fresh, given = started.state_dict(), model.state_dict()
    started.load_state_dict({name: given.get(name, value) for name, value in fresh.items()})
    return started


def blended(model: nn.Module, start: Path, *, keep: float) -> nn.Module:
    """`model`, in place, with the share `keep` of the weights at `start`, where its training began.

    What is learned on top costs less of what was there so than by training less (Wortsman et al. 2022, Robust
    fine-tuning of zero-shot models). Raises SharpcamError where `start` cannot be read.
    """
    before, _ = read_weights(start, option="--start")
    given = before.state_dict()
    model.load_state_dict(
        {
            name: torch.lerp(value, given[name].to(value), keep) if name in given else value
            for name, value in model.state_dict().items()
        }
    )
    return model


def core(arguments: dict[str, Any]) -> dict[str, Any]:
    """`arguments` without those of parts that add nothing until they are trained, or that are trained by themselves."""
    return {name: value for name, value in arguments.items() if name not in ("dials", "fine", "estimator")}


def read_weights(path: Path, *, option: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network at `path` and its recipe. Raises SharpcamError, naming the command's `option` that chooses it."""
    try:
        return checkpoints.load(path)
    except FileNotFoundError:
        raise SharpcamError(f'No weights at {path}. Name another file with {option}, or "git checkout" it.') from None
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f"{error}. Name another file with {option}.") from None


def channels_last(model: nn.Module) -> nn.Module:
    """`model` with its weights laid out for the way convolutions are computed here; in place."""
    # torch's stubs know no memory_format of a module
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
