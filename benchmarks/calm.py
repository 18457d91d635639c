"""What fusing frames through time costs, next to the student that it feeds, in one run.

python -m benchmarks.calm [--contract bundled:student_s] [--width 640] [--height 480] [--frames 60]

Also how steady a stream stays that stands for very long: --still 3000 prints the mean and the flicker of the second
hundred frames and of the last.
"""

import argparse
import statistics
import sys
from functools import partial

import cv2
import numpy as np

from pipeline.core.command import run_command
from pipeline.core.geometry import Frame, to_uint8
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.core.timing import call_ms
from pipeline.student import catalogue
from pipeline.student.calm import Calm
from pipeline.student.runtime import load_student

NOISE = 5.0  # grey levels
SCENES = 16  # noisy frames, over and over: making them costs more than fusing them
HUNDRED = 100


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calm", description=__doc__)
    parser.add_argument("--contract", default="bundled:student_s", metavar="MODEL", help="default: %(default)s")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--frames", type=int, default=60, help="that are timed")
    parser.add_argument("--still", type=int, default=0, metavar="N", help="frames of a long still stream")
    asked = parser.parse_args(arguments)
    return run_command(lambda: run(asked))


def run(asked: argparse.Namespace) -> None:
    """Print what was measured. Raises SharpcamError for a student that is not there."""
    frames = still_frames(asked.width, asked.height)
    student = load_student(catalogue.find(asked.contract, Paths()).for_files)
    stream, calm_ms, student_ms = Calm(), [], []
    for at in progress(range(asked.frames), what="frames"):
        frame = frames[at % SCENES]
        calm_ms.append(call_ms(partial(stream.fuse, frame)))
        student_ms.append(call_ms(partial(student.running.enhance, frame)))
    print(f"{asked.contract} in {student.engine} on {student.threads} threads, {asked.width}x{asked.height}")
    for name, (calm, network) in {
        "fewest": (min(calm_ms), min(student_ms)),
        "median": (statistics.median(calm_ms), statistics.median(student_ms)),
    }.items():
        print(f"{name} of {asked.frames}: calm {calm:.2f} ms, student {network:.2f} ms: {100 * calm / network:.0f} %")
    if asked.still:
        print(long_still(frames, asked.still))


def still_frames(width: int, height: int) -> list[Frame]:
    """Noisy frames (height, width, 3) uint8 of one scene."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noisy = (scene + random.normal(0, NOISE, scene.shape) for _ in range(SCENES))
    return [to_uint8(each) for each in noisy]


def long_still(frames: list[Frame], count: int) -> str:
    """Mean and flicker, in grey levels, early and late in a stream of `count` frames."""
    stream, means, changes = Calm(), [], []
    before: Frame | None = None
    for at in progress(range(count), what="still"):
        shown = stream.fuse(frames[at % SCENES])
        means.append(float(shown.mean()))
        changes.append(0.0 if before is None else float(cv2.absdiff(shown, before).mean()))
        before = shown.copy()
    parts = {"second hundred": slice(HUNDRED, 2 * HUNDRED), "last hundred": slice(count - HUNDRED, count)}
    return ", ".join(
        f"{name}: mean {statistics.fmean(means[part]):.2f}, flicker {statistics.fmean(changes[part]):.2f}"
        for name, part in parts.items()
    )


if __name__ == "__main__":
    sys.exit(main())
