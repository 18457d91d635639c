"""Work that shares the memory there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

BUDGET_BYTES = 1_200_000_000  # of pictures that are worked on at the same time, whatever --jobs says


class MemoryBudget:
    """Lets work begin as long as its memory fits together; what is larger than all of it runs alone."""

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self.most = self.free = most_bytes
        self._changed = Condition()

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        """Wait until there is room for that many bytes, and hold it."""
        needed = min(needed, self.most)
        with self._changed:
            self._changed.wait_for(lambda: self.free >= needed)
            self.free -= needed
        try:
            yield
        finally:
            with self._changed:
                self.free += needed
                self._changed.notify_all()
