"""What the parameters were when each stage last ran, as dvc.lock tells, and what a change of them makes stale."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.dvc_files import last_runs, outputs, recipes
from pipeline.core.paths import Paths
from pipeline.tracking.figures import flatten

ABSENT = "-"
_NOTHING = object()


@dataclass(frozen=True)
class Difference:
    """A parameter that is another one than when `stages` last ran."""

    key: str  # dotted
    then: str
    now: str
    stages: tuple[str, ...]


def differences(content: dict[str, Any], paths: Paths) -> list[Difference]:
    """What in `content`, the parameters, differs from the last run of the stages that read them, in file order."""
    ran = last_runs(paths)
    found: dict[tuple[str, str, str], list[str]] = {}
    for stage, recipe in recipes(paths).items():
        sections = recipe.get("params", [])
        known = ran.get(stage, {}).get("params", {}).get(paths.params.name)
        if known is None:
            continue  # never ran, so nothing is known of it
        then, now = (flatten(_parts_of(held, sections)) for held in (known, content))
        for key in [*now, *(then.keys() - now.keys())]:
            before, after = then.get(key, ABSENT), now.get(key, ABSENT)
            if before != after:
                found.setdefault((key, before, after), []).append(stage)
    return [Difference(*change, tuple(stages)) for change, stages in found.items()]


def _parts_of(held: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What `held` has under each of the dotted `names`, which a lock holds as one key or as keys within keys."""
    parts = {}
    for name in names:
        value: Any = held.get(name, held)
        for key in () if name in held else name.split("."):
            value = value.get(key, _NOTHING) if isinstance(value, dict) else _NOTHING
        if value is not _NOTHING:
            parts[name] = value
    return parts


def downstream(stages: Iterable[str], paths: Paths) -> list[str]:
    """The stages that may have to run after `stages` did, as they read what those write; in the order of dvc.yaml."""
    known = recipes(paths)
    reached = set(stages)
    while True:
        written = {name for stage in reached & known.keys() for name in outputs(known[stage])}
        following = {stage for stage, recipe in known.items() if written & set(recipe.get("deps", []))}
        if following <= reached:
            return [stage for stage in known if stage in reached - set(stages)]
        reached |= following
