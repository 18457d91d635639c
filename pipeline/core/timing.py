"""How long something takes, as figures are measured: the median of several calls, after some to warm up."""

import statistics
import time
from collections.abc import Callable


def median_ms(work: Callable[[], object], *, runs: int, warmup: int = 1) -> float:
    """Median milliseconds of `runs` calls of `work`; `warmup` more come first, unmeasured."""
    for _ in range(warmup):
        work()
    return statistics.median(_call_ms(work) for _ in range(runs))


def _call_ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - started)
