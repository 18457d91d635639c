"""What the player is told: which models there are at which address, and what the page allows."""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from app.live.inbox import Limits
from pipeline.core.clip_rules import NEW_NAME
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256
from pipeline.core.paths import Paths
from pipeline.student.catalogue import Model, available, float_file, float_sha256, materialize, read_contract

PLAYER = "/live/web/player.mjs"
REGISTRY = "/registry"
FOLDERS = ("ort", "engine", "web")  # of what the player loads
BASE = {name: f"/live/{name}/" for name in FOLDERS}
SAMPLE_TITLE = "Sample clip"
BICUBIC = "bicubic"
VERSIONS = 6  # of the registry that are laid out unasked; each may take seconds


def describe(model: Model, paths: Paths, *, root: str = REGISTRY) -> dict[str, Any]:
    """The model as the player knows it, laid out under a hash. Raises SharpcamError where its files do not fit.

    A version may get another contract, and browsers keep files for ever: its address holds its hash too. Of two
    students with dials the one of less `weight`, bytes of its float file, is the faster one.
    """
    file = materialize(model, paths) / model.contract.name
    contract = read_contract(file)
    address = f"{root}/{file.parent.name}"
    entry = _entry(model, address, float_sha256(contract), onnx=float_file(contract), mark=sha256(file))
    return entry | {"weight": file.with_name(float_file(contract)).stat().st_size}


def light(models: Sequence[dict[str, Any]]) -> str | None:
    """The model to begin with on a machine without a graphics processor: the lightest, if the first one ships.

    Who trained one for a camera begins with that everywhere.
    """
    if not models or not models[0]["name"].startswith("bundled:"):
        return None
    return str(min(models, key=lambda model: model.get("weight", math.inf))["name"])


def announce(model: Model, paths: Paths) -> dict[str, Any]:
    """The same of a version that is laid out only when its files are asked for: nobody waits for it before."""
    hashed = model.contract.parent.name
    return _entry(model, f"{REGISTRY}/{hashed}", hashed, onnx=paths.student_onnx.name, mark=f"version={model.version}")


def _entry(model: Model, address: str, hashed: str, *, onnx: str, mark: str) -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "contract": f"{address}/{model.contract.name}?{mark}",
        "onnx": f"{address}/{onnx}",
        "sha256": hashed,
    } | ({"version": f"version:{model.version}"} if model.version else {})


def models(paths: Paths, *, asked: Collection[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The models that the player may run, and sentences on those that cannot be. Fetching takes seconds.

    Of the registry the first versions, and those that are `asked` for by name, are laid out; others are when chosen.
    """
    known = available(paths)
    versions = [model.name for model in known if model.version is not None]
    later = {name for name in versions[VERSIONS:] if name not in asked}
    described, notes = [], list(dict.fromkeys(model.note for model in known if model.note))
    for model in known:
        try:
            described.append((announce if model.name in later else describe)(model, paths))
        except SharpcamError as error:
            notes.append(str(error))
    return described, notes


def fetch(hashed: str, paths: Paths) -> None:
    """Lay out the version whose float file has that hash, if there is one. Raises SharpcamError where that fails."""
    for model in available(paths):
        if model.version is not None and model.contract.parent.name == hashed:
            materialize(model, paths)
            return


def named(settings: dict[str, Any], models: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """The settings with each model by the name that it has now (version:3 may be the champion), without those that
    are not there; and sentences on these."""
    known = {name: model["name"] for model in models for name in (model.get("version"), model["name"]) if name}
    known[BICUBIC] = BICUBIC
    kept, notes = dict(settings), []
    for setting in ("model", "compareWith"):
        name = kept.pop(setting, None)
        if name in known:
            kept[setting] = known[name]
        elif name is not None:
            notes.append(f'There is no student "{name}" here (any more). Choose another one below.')
    return kept, notes


def sample(paths: Paths) -> dict[str, str] | None:
    """The bundled clip, for who has no camera."""
    file = sample_file(paths)
    return {"url": f"/live/sample/{file.name}", "title": SAMPLE_TITLE} if file.is_file() else None


def sample_file(paths: Paths) -> Path:
    """That clip as every browser decodes it."""
    return paths.demo_clip.with_suffix(".webm")


def capture(token: str, limits: Limits) -> dict[str, Any]:
    """Where frames for training may be sent."""
    return {"url": "/capture", "token": token, "limits": limits.as_dict() | {"name": NEW_NAME}}
