"""What C libraries write to the terminal by themselves (libtiff, OpenCV, SVT-AV1 and others): nobody asked for it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def library_lines(*, shown: bool) -> Iterator[None]:
    """Unless they are to be `shown`, let lines of libraries go nowhere while Python's own still reach the terminal.

    Libraries write to the descriptor of stderr, so that leads nowhere, and Python gets another for the same place.
    """
    if shown or not _is_real():
        yield
        return
    ours, kept = sys.stderr, os.dup(STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    ours.flush()
    sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1, encoding=ours.encoding, errors=ours.errors)
    os.dup2(nowhere, STDERR)
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = ours
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


def _is_real() -> bool:
    """Whether Python's stderr is that of the process, not what a test or a program that calls this put in its place."""
    try:
        return sys.stderr.fileno() == STDERR
    except (AttributeError, OSError, ValueError):
        return False
