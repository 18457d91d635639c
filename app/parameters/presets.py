"""The presets of the page Parameters, from presets.yaml beside this file."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

PRESETS = Path(__file__).with_name("presets.yaml")


class Preset(NamedTuple):
    """Values that are filled in together."""

    about: str
    values: dict[str, Any]  # dotted key -> value


def presets() -> dict[str, Preset]:
    """Name -> preset, in the order of the file."""
    content = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    return {name: Preset(**preset) for name, preset in content.items()}
