"""The progress bar with ETA of everything that takes more than two seconds."""

import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import ExitStack
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(frames: Iterable[T], *, what: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `frames` under a bar, which appears with the first of them: a source may fail before."""
    known = len(frames) if isinstance(frames, Sized) else None
    with ExitStack() as stack:
        bar = None
        for frame in frames:
            if bar is None:
                bar = stack.enter_context(progress_bar(what=what, total=total or known))
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
