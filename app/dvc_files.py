"""dvc.yaml and dvc.lock as they lie there: what DVC would do and last did, without asking DVC, which takes its lock."""

from typing import Any

import yaml

from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.yaml_text import parse_yaml


def recipes(paths: Paths) -> dict[str, Any]:
    """The stages of dvc.yaml, in order. Raises SharpcamError where the file is missing or broken."""
    if not (paths.root / "dvc.yaml").exists():
        raise SharpcamError(f'No {paths.root / "dvc.yaml"} here. Run from the root of sharpcam, or "git checkout" it.')
    return stages_in((paths.root / "dvc.yaml").read_bytes(), name="dvc.yaml")


def last_runs(paths: Paths) -> dict[str, Any]:
    """The stages of dvc.lock: what each read and wrote when it last ran; none where nothing ever ran."""
    lock = paths.root / "dvc.lock"
    return stages_in(lock.read_bytes(), name="dvc.lock") if lock.exists() else {}


def stages_in(data: bytes, *, name: str) -> dict[str, Any]:
    """The stages in the bytes of one of the two files. Raises SharpcamError where it is broken."""
    try:
        content = parse_yaml(data)
        stages = content.get("stages", {}) if isinstance(content, dict) else None
        if isinstance(stages, dict) and all(isinstance(stage, dict) for stage in stages.values()):
            return stages
        where = "no stages in it"
    except (yaml.YAMLError, ValueError) as error:
        where = " ".join(str(error).split())
    raise SharpcamError(
        f'{name} is broken ({where}). "git checkout {name}" brings back the last one that was committed; '
        'a dvc.lock that never was can go: "make repro" writes it anew.'
    )


def outputs(recipe: dict[str, Any]) -> list[str]:
    """The paths that a stage writes; dvc.yaml has them as texts, or as a key with options below."""
    listed = [*recipe.get("outs", []), *recipe.get("plots", []), *recipe.get("metrics", [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in listed]
