"""What the player is told: which models there are at which address, and what the page allows."""

from pathlib import Path
from typing import Any

from app.live.inbox import Limits
from pipeline.errors import SharpcamError
from pipeline.models import Model, available, float_file, lay_out, read_contract
from pipeline.paths import Paths

PLAYER = "/live/web/player.mjs"
BASE = {"ort": "/live/ort/", "web": "/live/web/"}
SAMPLE_TITLE = "Sample clip"
VERSIONS = 6  # of the registry that are offered unasked


def describe(model: Model, paths: Paths, *, root: str = "/registry") -> dict[str, str]:
    """The model as the player knows it, laid out under its hash. Raises SharpcamError where its files do not fit."""
    folder = lay_out(model, paths)
    contract = read_contract(folder / model.contract.name)
    address = f"{root}/{folder.name}"
    return {
        "name": model.name,
        "title": model.title,
        "contract": f"{address}/{model.contract.name}",
        "onnx": f"{address}/{float_file(contract)}",
        "sha256": folder.name,
    }


def models(paths: Paths, *, asked: str | None) -> tuple[list[dict[str, str]], list[str]]:
    """The models that the player may run, laid out, and sentences on those that cannot be. Fetching takes seconds.

    Of the registry the first versions, and the one that is `asked` for by name.
    """
    known = available(paths)
    versions = [model.name for model in known if model.version is not None]
    left_out = {name for name in versions[VERSIONS:] if name != asked}
    described, notes = [], list(dict.fromkeys(model.note for model in known if model.note))
    for model in known:
        if model.name not in left_out:
            try:
                described.append(describe(model, paths))
            except SharpcamError as error:
                notes.append(str(error))
    return described, notes


def sample(paths: Paths) -> dict[str, str] | None:
    """The bundled clip, for who has no camera."""
    file = sample_file(paths)
    return {"url": f"/live/sample/{file.name}", "title": SAMPLE_TITLE} if file.is_file() else None


def sample_file(paths: Paths) -> Path:
    """That clip as every browser decodes it."""
    return paths.demo_clip.with_suffix(".webm")


def capture(token: str, limits: Limits) -> dict[str, Any]:
    """Where frames for training may be sent."""
    return {"url": "/capture", "token": token, "limits": limits.as_dict()}
