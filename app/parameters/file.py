"""params.yaml as a form sees it: each field with its comment and limits, and changes that leave the rest as it is.

Values are replaced in the text at the places that the YAML parser names, so that comments and layout stay.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml
from filelock import FileLock

from app.parameters.yaml_text import (
    Edit,
    as_yaml,
    column_below,
    edited,
    entries,
    indented,
    is_block,
    look_up,
    newline_of,
    parse,
    replacing,
)
from app.roles import operators_only
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.params import find_problems
from pipeline.core.paths import Paths
from pipeline.core.yaml_text import compose_yaml


class ChangedMeanwhileError(SharpcamError):
    """params.yaml is another one than the one that was edited."""


def read_text(paths: Paths) -> str:
    """The text of params.yaml. Raises SharpcamError where there is none."""
    try:
        return paths.params.read_bytes().decode("utf-8-sig")  # some editors begin with a mark
    except FileNotFoundError:
        raise SharpcamError(
            f'No {paths.params} here. Run from the root of sharpcam, or "git checkout {paths.params.name}".'
        ) from None
    except UnicodeDecodeError:
        raise SharpcamError(f"{paths.params} is not text in UTF-8. Save it as UTF-8.") from None


def problems(text: str) -> list[str]:
    """What is wrong with the text of a params.yaml: a sentence each, with its line; none where it can be used."""
    try:
        content = parse(text)
        nodes = {key: name.start_mark.line + 1 for key, name, _ in entries(text)}
    except RecursionError:
        return ["a value in it contains itself"]
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: the 45th of May
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        return [f"{place}{getattr(error, 'problem', None) or error}"]
    return [f"line {_line(key, nodes)}: {sentence}" for key, sentence in find_problems(content).items()]


def _line(key: str, lines: Mapping[str, int]) -> int:
    """The line of a key, or of what it should be in."""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key, 1)


def typed_as_yaml(key: str, text: str) -> str:
    """What was typed as YAML in the form that DVC writes, unless it has comments, which would be lost.

    Raises SharpcamError where it is not valid.
    """
    return text if "#" in text else as_yaml(_parse_piece(key, text))


def with_values(text: str, changes: Mapping[str, str]) -> str:
    """`text` with the values of dotted keys replaced by pieces of YAML; whatever else is in it stays as it is.

    Raises SharpcamError where that would change anything but those values.
    """
    expected = parse(text)
    for key, piece in changes.items():
        section, _, name = key.rpartition(".")
        (look_up(expected, section) if section else expected)[name] = _parse_piece(key, piece)
    nodes = {key: (name, value) for key, name, value in entries(text)}
    changed = edited(text, [edit for change in changes.items() for edit in _edits(text, nodes, *change)])
    with suppress(yaml.YAMLError, ValueError):
        if parse(changed) == expected:
            return changed
    raise SharpcamError(f"{', '.join(changes)} cannot be changed from here; change params.yaml in an editor.")


def _parse_piece(key: str, piece: str) -> Any:
    try:
        return parse(piece)
    except (yaml.YAMLError, ValueError) as error:
        raise SharpcamError(f"{key} is not valid YAML ({' '.join(str(error).split())}).") from None


def _edits(text: str, nodes: Mapping[str, tuple[yaml.Node, yaml.Node]], key: str, piece: str) -> list[Edit]:
    """What makes `piece` the value of a key."""
    if key in nodes:
        return replacing(text, *nodes[key], piece)
    section, _, name = key.rpartition(".")  # it has a default, and was never written down
    first = nodes[section][1].value[0][0]
    newline = newline_of(text)
    value = f" {piece}"
    if is_block(compose_yaml(piece)):
        value = newline + indented(piece, column_below(first, piece), newline)
    return [(at := first.start_mark.index, at, f"{name}:{value}{newline}{' ' * first.start_mark.column}")]


@operators_only
def save(paths: Paths, text: str, *, based_on: str) -> None:
    """Make `text` the params.yaml, in one step.

    Raises ChangedMeanwhileError where the file is not `based_on` any more, SharpcamError where `text` does not fit, or
    cannot be written.
    """
    if wrong := problems(text):
        raise SharpcamError(f"params.yaml is left as it was: {'; '.join(wrong)}.")
    try:
        _replace(paths, text, based_on=based_on)
    except OSError as error:  # a full disk, a folder that may not be written
        raise SharpcamError(
            f"params.yaml is left as it was ({error.strerror or error}). Fix that and save again."
        ) from None


def _replace(paths: Paths, text: str, *, based_on: str) -> None:
    locks = paths.cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "params.lock"):  # two tabs
        if read_text(paths) != based_on:
            raise ChangedMeanwhileError("params.yaml has been changed meanwhile, by another tab or an editor.")
        write_bytes(paths.params.resolve(), text.encode())


def change(paths: Paths, changes: Mapping[str, Any]) -> None:
    """Set dotted keys to values now, on top of whatever params.yaml says. Raises SharpcamError where it is broken."""
    text = read_text(paths)
    if wrong := problems(text):
        raise SharpcamError(f"params.yaml is broken: {'; '.join(wrong)}. Fix it on the page Parameters.")
    save(paths, with_values(text, {key: as_yaml(value) for key, value in changes.items()}), based_on=text)
