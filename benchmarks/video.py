"""How much of the time that a video takes is the student's: the same frames alone, and end to end.

python -m benchmarks.video ../clip.mp4 [--model bundled:student_m] [--preset fast] [--rounds 3]
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pipeline.core.paths import Paths
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.upscaler import Upscaler, load_upscaler
from pipeline.enhance.video import as_frame, encode, enhance_video
from pipeline.media.video import Facts, Timed, look_at, read_frames
from pipeline.student import catalogue
from pipeline.student.engines import cores

FEW = 32  # frames that are in memory at the same time


class Spent(NamedTuple):
    """What a piece of work took, seconds: on the wall's clock, and of all cores together."""

    wall: float
    cpu: float


@contextmanager
def timed(into: list[Spent]) -> Iterator[None]:
    """Append what the body took."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    into.append(Spent(time.perf_counter() - wall, time.process_time() - cpu))


def total(several: Iterable[Spent]) -> Spent:
    """What they took one after the other."""
    walls, cpus = zip(*several, strict=True)
    return Spent(sum(walls), sum(cpus))


def run_alone(upscaler: Upscaler, facts: Facts) -> Spent:
    """The student alone on all frames, which are decoded a few at a time while the clock stands."""
    spent: list[Spent] = []
    source = read_frames(facts, begin=0)
    while several := list(islice(source, FEW)):
        with timed(spent):
            for each in several:
                upscaler.enhance(each.picture)
    return total(spent)


def run_rest(upscaler: Upscaler, facts: Facts, encoding: Encoding) -> dict[str, float]:
    """Milliseconds of all cores together that a frame costs beside the student."""
    spent: dict[str, list[Spent]] = {"decode": [], "convert": [], "encode": []}
    with timed(spent["decode"]):
        few = list(islice(read_frames(facts, begin=0), FEW))
    made = [Timed(upscaler.enhance(picture), pts, duration) for picture, pts, duration in few]
    with timed(spent["convert"]):
        for picture, pts, _ in made:
            as_frame(picture, pts, facts, encoding)
    height, width = made[0].picture.shape[:2]
    with timed(spent["encode"]):
        encode(made, facts, encoding, size=(width, height))
    return {part: 1e3 * several[0].cpu / len(few) for part, several in spent.items()}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    model = catalogue.find(asked.model, Paths())
    upscaler = load_upscaler(model.contract, engine=asked.engine, threads=asked.threads)
    encoding = Encoding(preset=asked.preset, threads=cores())
    facts = look_at(asked.clip)
    print(f"{asked.clip.name}: {facts.frames} frames of {facts.size[0]}x{facts.size[1]}, {model.title}")
    print(
        f"engine {upscaler.student.engine}, {upscaler.student.threads} threads; preset {asked.preset}, {cores()} cores"
    )
    print(f"load of the machine (processes that want a core): {os.getloadavg()[0]:.1f}")
    upscaler.enhance(next(read_frames(facts, begin=0)).picture)
    walls, cpus = [], []
    with TemporaryDirectory() as folder:
        for number in range(asked.rounds):  # side by side, as other work comes and goes
            alone = run_alone(upscaler, facts)
            spent: list[Spent] = []
            with timed(spent):
                enhance_video(asked.clip, Path(folder) / f"{number}.mp4", upscaler, encoding)
            walls.append(spent[0].wall / alone.wall)
            cpus.append(spent[0].cpu / alone.cpu)
            print(
                f"student alone {alone.wall:.2f} s ({alone.cpu:.2f} s of cores), "
                f"end to end {spent[0].wall:.2f} s ({spent[0].cpu:.2f} s of cores)",
                flush=True,
            )
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    print(f"end to end takes {wall:.2f} times the student's own time, and {cpu:.2f} times its work")
    print(f"the student's share of the work: {1 / cpu:.0%}")
    for part, ms in run_rest(upscaler, facts, encoding).items():
        print(f"{part:<8}{ms:6.1f} ms of cores a frame (encode includes convert)")


if __name__ == "__main__":
    main()
