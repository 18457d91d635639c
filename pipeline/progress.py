"""The progress bar with ETA of everything that takes more than two seconds."""

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(frames: Iterable[T], *, what: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `frames` under a bar."""
    known = len(frames) if isinstance(frames, Sized) else None
    with progress_bar(what=what, total=total or known) as bar:
        for frame in frames:
            yield frame
            bar.update()


def progress_bar(*, what: str, total: int | None) -> "tqdm[Any]":
    """A bar on stderr to be updated by hand; where that is no terminal, a line every ten seconds."""
    return tqdm(
        desc=what,
        total=total,
        unit="frame",
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 10,
        file=sys.stderr,
    )
