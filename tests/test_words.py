"""The texts that people read keep to the field's words: what once made readers stumble does not grow back."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from making import ROOT

FORBIDDEN = {  # what readers stumbled over: what to say in its place
    r"\b[Mm]end(ed|s)?\b": "fix",
    r"\bno valid\b": "not a valid",
    r"(?<!here )\bis no (picture|video|recording|whole number|contract of|training log)\b": "is not a",
    r"\bare no numbers\b": "are NaN or infinite",
    r"\bnone of (ours|the models)\b": "not written by sharpcam; not one of the models",
    r"\bA press runs\b": "Run will execute",
    r"\ball of it is fresh\b": "everything is up to date",
    r"\bnever ended here before\b": "has never finished on this machine",
    r"\bHow everything stands\b": "Status",
    r"\bAt work\b": "Running",
    r"\bLook what could go\b": "Find files to clean up",
    r"\bAdopt now\b": "Import now",
    r"\btakes the place of\b": "replaces",
    r"\bput mine on top\b": "Reapply my changes",
    r"\bDrop mine\b": "Discard my changes",
    r"\ba column's head\b": "a column header",
    r"\bStudent reads\b": "Input size",
    r"\bThe picture rests\b": "Paused",
    r"\bThe line was cut\b": "The connection was lost",
    r"\bis no number\b": "became NaN or infinite",
    r"\bSay where to\b": "Missing -o OUTPUT",
    r"\bby chance\b": "random",
    r"\bThe way of a frame\b": "How a frame flows through the pipeline",
}
TEXTS = [
    *(ROOT / "sharpcam").rglob("*.py"),
    *(ROOT / "app").rglob("*.py"),
    *(ROOT / "pipeline").rglob("*.py"),
    *(ROOT / "training").rglob("*.py"),
    *(ROOT / "app/live/web").glob("*.mjs"),
    *(ROOT / "app").rglob("*.html"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "params.yaml",
]


@cache
def said_in(file: Path) -> str:
    """What a file says to people: of Python its strings, docstrings included, of anything else all of it."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return text
    strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return "\n".join(value for value in strings if isinstance(value, str))


@pytest.mark.parametrize(("pattern", "better"), FORBIDDEN.items(), ids=FORBIDDEN.values())
def test_no_text_says_what_readers_stumbled_over(pattern, better):
    found = [str(file.relative_to(ROOT)) for file in TEXTS if re.search(pattern, said_in(file))]
    assert not found, f'say "{better}" in its place'
