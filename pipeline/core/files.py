"""Files that appear whole or not at all, and the JSON that stages hand to each other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.errors import SharpcamError
from training.files import move_file, remove_leftover, remove_leftovers, sync, whole_file

__all__ = [
    "move_file",
    "read_json",
    "recall_json",
    "remove_leftover",
    "remove_leftovers",
    "sync",
    "told_of",
    "whole_file",
    "write_bytes",
    "write_json",
]


def write_bytes(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write `data` under a temporary name and rename, so that `path` is always whole; `synced` as for `whole_file`."""
    with whole_file(path, synced=synced) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, content: Any, *, synced: bool = True) -> None:
    """Write `content` as readable JSON in one step; the same content gives the same bytes."""
    data = (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
    write_bytes(path, data, synced=synced)


def read_json(path: Path, *, made_by: str, like: type | None = None) -> Any:
    """The content of a JSON file of sharpcam, which has to be of the type `like` where that is given.

    Raises SharpcamError naming the stage that makes it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise SharpcamError(f'No {path}. Run "dvc repro {made_by}" first, or "dvc pull" to fetch it.') from None
    except (ValueError, RecursionError):
        raise SharpcamError(f'{path} is not valid JSON. Move it away and run "dvc repro {made_by}" again.') from None
    if like is not None and not isinstance(content, like):
        raise SharpcamError(
            f"{path} holds a {type(content).__name__}, and a {like.__name__} is expected. "
            f'Move it away and run "dvc repro {made_by}" again.'
        )
    return content


def _refuse(constant: str) -> None:
    """NaN and Infinity are not JSON, though Python would take them: `write_json` never writes them."""
    raise ValueError(f"{constant} is not JSON")


def recall_json(path: Path) -> dict[str, Any]:
    """The table in a note that only saves time; an empty one where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def told_of(file: Path) -> Iterator[None]:
    """Name the file that is written in an OSError that names none, as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
