"""The progress bar with ETA of everything that takes more than two seconds."""

import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import ExitStack
from typing import TypeVar

from tqdm import tqdm

from pipeline.core.stop import stop_if_asked

T = TypeVar("T")


class Bar(tqdm):  # type: ignore[type-arg]
    """tqdm's bar, at each step of which the stage can be stopped."""

    def update(self, n: float | None = 1) -> bool | None:
        """Count `n` more frames."""
        drawn = super().update(n)
        stop_if_asked()
        return drawn


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


def progress_bar(*, what: str, total: int | None, unit: str = "frame") -> Bar:
    """A bar on stderr to be updated by hand; where that is no terminal, a line every ten seconds."""
    return Bar(
        desc=what,
        total=total,
        unit=unit,
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 10,
        file=sys.stderr,
    )


def in_hours(seconds: float) -> str:
    """A duration in the unit in which one thinks of it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
