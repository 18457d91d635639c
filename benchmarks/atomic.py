"""What it costs to have files on the disk before they get their names, as ratios to writing them without.

python -m benchmarks.atomic
"""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.core.clips import frame_name, move_whole
from pipeline.core.files import write_bytes
from pipeline.core.timing import call_ms

FRAMES, FRAME_BYTES, ROUNDS = 200, 600_000, 5
STATE_BYTES = 2_000


def write_each(folder: Path, *, size: int, synced: bool) -> None:
    data = np.random.default_rng(0).bytes(size)
    for index in range(FRAMES):
        write_bytes(folder / frame_name(index), data, synced=synced)


def write_clip(folder: Path, *, synced: bool) -> None:
    write_each(folder / "part", size=FRAME_BYTES, synced=False)
    move_whole(folder / "part", folder / "clip", synced=synced)


def seconds(work: Callable[[Path], None]) -> float:
    """The median time of `work` in an empty folder next to the project's files, so on their disk."""
    times = []
    for _ in range(ROUNDS):
        folder = Path(tempfile.mkdtemp(dir=".", prefix=".atomic-"))
        try:
            times.append(call_ms(partial(work, folder)) / 1e3)
        finally:
            shutil.rmtree(folder)
    return sorted(times)[ROUNDS // 2]


def main() -> None:
    """Print a line for each way to write."""
    for name, size in (("state of 2 kB", STATE_BYTES), ("frames of 0.6 MB, each synced", FRAME_BYTES)):
        plain, synced = (seconds(partial(write_each, size=size, synced=each)) for each in (False, True))
        print(f"{name}: {synced / plain:.1f} times, {1e3 * (synced - plain) / FRAMES:.2f} ms more each")
    plain, synced = (seconds(partial(write_clip, synced=each)) for each in (False, True))
    print(
        f"a clip, synced before its name: {synced / plain:.1f} times, {1e3 * (synced - plain) / FRAMES:.2f} ms a frame"
    )


if __name__ == "__main__":
    main()
