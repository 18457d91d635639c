"""Files and functions stay as short as they are, and the rooms as few: what is to be found is found by its name."""

import ast
import statistics
from pathlib import Path

from making import ROOT

CODE = ("sharpcam", "app", "pipeline", "training", "benchmarks")
MOST_LINES = 260
MOST_LINES_OF_A_MODULE = 220  # in JavaScript
MOST_ROOMS = 26
MADE = {"static", "__pycache__"}  # what `make setup` and Python write there


def files(*suffixes: str) -> list[Path]:
    """The production files that end so."""
    found = (file for folder in CODE for file in (ROOT / folder).rglob("*") if file.suffix in suffixes)
    return [file for file in found if not MADE & set(file.relative_to(ROOT).parts)]


def longer(most: int, *suffixes: str) -> dict[str, int]:
    """Those with more lines than `most`."""
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files(*suffixes)}
    assert lines
    return {name: count for name, count in lines.items() if count > most}


def functions(file: Path) -> dict[str, int]:
    """The lines of each function, its signature and docstring included."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return {
        f"{file.relative_to(ROOT)}:{node.lineno}": node.end_lineno - node.lineno + 1
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_file_of_code_is_long():
    assert not longer(MOST_LINES, ".py", ".ts", ".css", ".html")
    assert not longer(MOST_LINES_OF_A_MODULE, ".mjs", ".js")


def test_functions_are_short():
    lines = {name: count for file in files(".py") for name, count in functions(file).items()}
    assert statistics.median(lines.values()) <= 6
    assert statistics.quantiles(lines.values(), n=10)[-1] <= 16
    assert {name: count for name, count in lines.items() if count > 48} == {}


def test_the_pipeline_has_few_rooms():
    rooms = [entry.name for entry in (ROOT / "pipeline").iterdir() if entry.name != "__pycache__"]
    assert len(rooms) <= MOST_ROOMS, sorted(rooms)
