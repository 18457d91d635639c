"""How long a call takes; as figures are measured, the median of several, after some to warm up."""

import statistics
import time
from collections.abc import Callable


def median_ms(work: Callable[[], object], *, runs: int, warmup: int = 1) -> float:
    """Median milliseconds of `runs` calls of `work`; `warmup` more come first, unmeasured."""
    for _ in range(warmup):
        work()
    return statistics.median(call_ms(work) for _ in range(runs))


def call_ms(work: Callable[[], object]) -> float:
    """Milliseconds of one call of `work`."""
    started = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - started)
