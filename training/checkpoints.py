"""Weights with the recipe that rebuilds the model beside them: loading takes no arguments to get wrong.

The recipe is a table for JSON: `model` (a name in MODELS), `arguments` of its constructor, and whatever the trainer
wants known, such as data and licences. A `.safetensors` file holds it in its metadata; any other name, such as `.pth`,
is a torch file {"recipe", "weights"} that loads with weights_only=True. What a file is, is told by its content.
"""

import json
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from training.files import whole_file
from training.models import MODELS

ZIP_MAGIC = b"PK"  # how torch files begin
BROKEN = (SafetensorError, pickle.UnpicklingError, OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError)


class CheckpointError(ValueError):
    """A file that does not hold a model of this project."""


class Checkpoint(NamedTuple):
    """What a file holds."""

    weights: dict[str, Tensor]
    recipe: dict[str, Any]


def save(path: Path, model: nn.Module, recipe: dict[str, Any], *, dtype: torch.dtype = torch.float32) -> None:
    """Write `model` to `path` in one move, its weights as `dtype`, with `recipe`."""
    weights = {key: value.detach().to("cpu", dtype).contiguous() for key, value in model.state_dict().items()}
    text = json.dumps(recipe, sort_keys=True)
    with whole_file(path) as partial:
        if path.suffix == ".safetensors":
            partial.write_bytes(serialise(weights, metadata={"recipe": text}))  # save_file would hide it from others
        else:
            with partial.open("wb") as file:  # by its name, torch would write that name into the file
                torch.save({"recipe": text, "weights": weights}, file)


def read(path: Path) -> Checkpoint:
    """Weights and recipe in `path`. Raises FileNotFoundError, or CheckpointError where it is no such file."""
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with path.open("rb") as file:
            found = _read_torch(path) if file.read(2) == ZIP_MAGIC else _read_safetensors(path)
        if not isinstance(found.recipe["model"], str) or not isinstance(found.recipe["arguments"], dict):
            raise ValueError("its recipe names no model")
        if not all(isinstance(weight, Tensor) for weight in found.weights.values()):
            raise ValueError("its weights are not a table of tensors")
        return found
    except (*BROKEN, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} does not hold weights of this project ({_first_line(error)})") from None


def _read_torch(path: Path) -> Checkpoint:
    content = torch.load(path, map_location="cpu", weights_only=True)
    return Checkpoint(content["weights"], json.loads(content["recipe"]))


def _read_safetensors(path: Path) -> Checkpoint:
    with safe_open(path, framework="pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return Checkpoint(weights, json.loads((file.metadata() or {})["recipe"]))


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The model in `path` in fp32 on the CPU, ready for inference, and its recipe.

    Raises FileNotFoundError, or CheckpointError where the file is no checkpoint, or of a model unknown here, or where
    weights and recipe do not fit one another.
    """
    weights, recipe = read(path)
    if recipe["model"] not in MODELS:
        raise CheckpointError(f"{path} holds {recipe['model']!r}, which is not among the models: {', '.join(MODELS)}")
    try:
        model = MODELS[recipe["model"]](**recipe["arguments"])
        model.load_state_dict({key: value.float() for key, value in weights.items()})
    except BROKEN as error:
        raise CheckpointError(f"{path}: weights and recipe do not fit one another ({_first_line(error)})") from None
    return model.eval(), recipe


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
