"""How a run ends, whatever becomes of its work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Ends(Protocol):
    """A run, as far as its end is concerned."""

    def end(self, status: Status) -> None:
        """End the run."""


@contextmanager
def ending(run: Ends) -> Iterator[None]:
    """End `run` as what the body came to: FINISHED, KILLED by a signal or Ctrl-C, FAILED by anything else."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        run.end("KILLED")
        raise
    except BaseException:
        run.end("FAILED")
        raise
    run.end("FINISHED")
