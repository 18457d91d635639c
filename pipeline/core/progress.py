"""The progress bar with ETA of everything that takes more than two seconds.

Who runs a command may name a file in the environment: the bar that moves is written there, as data, for pages to show.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tqdm import tqdm

from pipeline.core.files import write_json
from pipeline.core.stop import stop_if_asked

PROGRESS_FILE = "SHARPCAM_PROGRESS_FILE"  # environment variable: where to write how far this process is
REGISTER = "register"  # what pages call the step behind the stages, which is none of DVC's
WRITE_S = 0.5  # between two writes

T = TypeVar("T")


def report(**known: Any) -> None:
    """Write what is known of the progress of this process to the file that the environment names, if it does."""
    if asked := os.environ.get(PROGRESS_FILE):
        with suppress(OSError):  # a full disk ends no stage by its bar
            write_json(Path(asked), known, synced=False)


class Bar(tqdm):  # type: ignore[type-arg]  # tqdm's stubs have it generic, tqdm itself does not
    """tqdm's bar, at each step of which the stage can be stopped. It reports itself as it moves."""

    stage: ClassVar[str | None] = None  # that this process runs
    spent: ClassVar[dict[str, tuple[float, float]]] = {}  # what -> steps, and seconds that they took
    _counted = False

    def __init__(self, *args: Any, **known: Any) -> None:
        super().__init__(*args, **known)
        self._report()  # the first step may take a while, and the bar before it is full

    def update(self, n: float | None = 1) -> bool | None:
        """Count `n` more frames."""
        drawn = super().update(n)
        if self.n == self.total or time.monotonic() - self._written_s >= WRITE_S:
            self._report()
        stop_if_asked()
        return drawn

    def _report(self) -> None:
        self._written_s = time.monotonic()
        report(stage=self.stage, what=self.desc, done=self.n, total=self.total, left_s=self._left_s())

    def close(self) -> None:
        """End the bar, and count what it did; closed again it counts nothing."""
        if not self._counted and not self.disable and self.desc:
            self._counted = True
            steps, seconds = self.spent.get(self.desc, (0.0, 0.0))
            self.spent[self.desc] = steps + self.n - self.initial, seconds + self.format_dict["elapsed"]
        super().close()

    def _left_s(self) -> float | None:
        seen = self.format_dict
        done, rate = self.n - self.initial, seen["rate"]
        rate = rate or (done / seen["elapsed"] if seen["elapsed"] else 0)
        return (self.total - self.n) / rate if self.total and rate else None


def progress(frames: Iterable[T], *, what: str, total: int | None = None, unit: str = "frame") -> Iterator[T]:
    """Iterate over `frames`, or what `unit` calls them, under a bar.

    It appears with the first of them: a source may fail before.
    """
    known = len(frames) if isinstance(frames, Sized) else None
    with ExitStack() as stack:
        bar = None
        for frame in frames:
            if bar is None:
                bar = stack.enter_context(progress_bar(what=what, total=total or known, unit=unit))
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
    if 0 < seconds < 0.01:
        return "less than 0.01 s"
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def in_gigabytes(size: float) -> str:
    """A number of bytes."""
    if 0 < size < 1e7:
        return "less than 0.01 GB"
    return f"{size / 1e9:.2g} GB" if size < 99.5e9 else f"{size / 1e9:.0f} GB"
