"""Weights with the recipe that rebuilds the model beside them: loading takes no arguments to get wrong.

The recipe holds `model` (a name in MODELS), `arguments` of its constructor, and whatever the trainer wants known, such as
data and licences. A .safetensors file carries it as JSON in its metadata, a .pth file beside the tensors.
"""

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.models import MODELS


READ_ERRORS = (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError, UnpicklingError, EOFError)


class CheckpointError(ValueError):
    """A file that does not hold a model of this project."""


def save(path: Path, model: nn.Module, recipe: dict[str, Any], *, dtype: torch.dtype = torch.float32) -> None:
    """Write `model` to `path` in one move, its floating-point tensors as `dtype`, with `recipe`."""
    tensors = {key: value.detach().to("cpu", dtype).contiguous() for key, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    if path.suffix == ".pth":
        torch.save({"recipe": recipe, "weights": tensors}, partial)
    else:
        save_file(tensors, partial, metadata={"recipe": json.dumps(recipe, sort_keys=True)})
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The recipe and the tensors in `path`. Raises FileNotFoundError or CheckpointError; unpickles no code."""
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        recipe, tensors = _read_pth(path) if path.suffix == ".pth" else _read_safetensors(path)
        return {**recipe, "model": recipe["model"], "arguments": recipe["arguments"]}, tensors
    except READ_ERRORS as error:
        raise CheckpointError(f"{path} is no checkpoint with a recipe of this project ({_first_line(error)})") from None


def _read_pth(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    return content["recipe"], content["weights"]


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        recipe = json.loads((file.metadata() or {})["recipe"])
        return recipe, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The model in `path` in fp32 on the CPU, ready for inference, and its recipe.

    Raises FileNotFoundError, or CheckpointError where the file is no checkpoint, or of a model unknown here, or where
    weights and recipe do not fit one another.
    """
    recipe, tensors = read(path)
    if recipe["model"] not in MODELS:
        raise CheckpointError(f"{path} holds {recipe['model']!r}, which is not among the models: {', '.join(MODELS)}")
    try:
        model: nn.Module = MODELS[recipe["model"]](**recipe["arguments"])
        model.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: weights and recipe do not fit one another ({_first_line(error)})") from None
    return model.eval(), recipe
