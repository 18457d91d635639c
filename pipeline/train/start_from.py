"""What `train.start_from` means: no weights, those that sharpcam ships, a file, or a model of MLflow.

A student keeps the form of the weights that it starts from, its dials too; from scratch it has none.
"""

import re
from pathlib import Path

from torch import nn

from pipeline.core.errors import SharpcamError
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.student import catalogue
from pipeline.tracking import registry
from training import checkpoints
from training.models import MODELS
from training.models.student import StudentSR

WEIGHTS = (".pth", ".safetensors")


def starting_weights(paths: Paths, params: Params) -> Path | None:
    """The file that `train.start_from` means; None: from scratch. Raises SharpcamError where there is none."""
    start, bundled = params.train.start_from, paths.bundled / f"{params.train.model}.safetensors"
    if start == "scratch":
        return None
    if start == "bundled":
        if not bundled.exists():
            raise SharpcamError(
                f"params.yaml: train.start_from is bundled, and sharpcam comes without {bundled}. "
                f"Set it to scratch, or choose another train.model."
            )
        return bundled
    if Path(start).is_file():
        return Path(start)
    if Path(start).suffix in WEIGHTS:
        raise SharpcamError(f'params.yaml: train.start_from is "{start}", and there is no such file.')
    return _weights_of(start, paths)


def _weights_of(start: str, paths: Paths) -> Path:
    """The torch weights of a model that is found by its name, or by MLflow's URI of it."""
    uri = re.fullmatch(rf"models:/{registry.NAME}(?:/(\d+)|@(\w+))", start)
    name = (f"version:{uri[1]}" if uri[1] else uri[2]) if uri else start
    try:
        contract = catalogue.find(name, paths).contract
    except SharpcamError as error:
        raise SharpcamError(f"params.yaml: train.start_from: {error}") from None
    for suffix in WEIGHTS:
        if contract.with_suffix(suffix).exists():
            return contract.with_suffix(suffix)
    raise SharpcamError(
        f'params.yaml: train.start_from is "{start}", which came without its torch weights. '
        f"Register it anew with them, or name a .pth file."
    )


def starting_model(params: Params, start: Path | None) -> nn.Module:
    """The student to train: fresh from the seed, or with the weights in `start`."""
    name = params.train.model
    if start is None:
        model: nn.Module = MODELS[name]()
        return model
    try:
        model, recipe = checkpoints.load(start)
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f"{error}. Correct train.start_from in params.yaml.") from None
    if recipe["model"] != name:
        raise SharpcamError(f"{start} holds a {recipe['model']}, train.model asks for a {name}. Make them one.")
    return model.train()


def arguments_of(model: nn.Module) -> dict[str, bool]:
    """The arguments that make a student of this form, for the recipe in its file."""
    if not isinstance(model, StudentSR):
        return {}
    return {name: True for name, it_is in (("clean", model.fold == 1), ("dials", model.dials is not None)) if it_is}
