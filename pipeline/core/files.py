"""Files that appear whole or not at all, and the JSON that stages hand to each other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.errors import SharpcamError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` where the body ends well, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` under a temporary name and rename, so that `path` is always whole."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as readable JSON in one step; the same content gives the same bytes."""
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path, *, made_by: str) -> Any:
    """The content of a JSON file of sharpcam. Raises SharpcamError naming the stage that makes it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SharpcamError(f'No {path}. Run "dvc repro {made_by}" first, or "dvc pull" to fetch it.') from None
    except ValueError:
        raise SharpcamError(f'{path} is not valid JSON. Delete it and run "dvc repro {made_by}" again.') from None
