"""The progress bar with ETA of everything that takes more than two seconds."""

import sys
from collections.abc import Iterable

from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], *, what: str, total: int | None = None) -> "tqdm[T]":
    """Iterate over `items` under a bar on stderr; where that is no terminal, a line every ten seconds."""
    return tqdm(
        items,
        desc=what,
        total=total,
        unit="frame",
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 10,
        file=sys.stderr,
    )
