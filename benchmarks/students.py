"""The students side by side with the original one, with OpenCV's resizes and with peers: speed and quality in one run.

python -m benchmarks.students [--size 640x480] [--threads 2] [--runs 60] [--frames 10] [--peer other.onnx ...]

Writes metrics/benchmark.json, docs/benchmark.md and docs/benchmark.png. Times are end to end, uint8 to uint8, each in
a process of its own. Quality is measured on validation frames: this project's, or a simulated demo made for it.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestants import ORIGINAL, Contestant, Peer, count, find_contestants
from benchmarks.students_report import CALIBRATION_PX, as_markdown, plot
from benchmarks.timing import Timing, in_own_process
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes, write_json
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.timing import median_ms
from pipeline.evaluate.scores import Scores, score
from pipeline.evaluate.stage import validation_places
from pipeline.student.engines import ENGINES, Running, machine
from pipeline.student.student import start

DEMO = {"clips": 2, "frames": 5, "real_frames": 0}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.students", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="of the frame that is timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=60, help="frames that are timed")
    parser.add_argument("--frames", type=int, default=10, help="validation frames that quality is measured on")
    parser.add_argument(
        "--peer", type=Path, action="append", default=[], help="an ONNX file: RGB, 0..1, twice the size"
    )
    asked = parser.parse_args(arguments)
    return run_command(lambda: benchmark(Paths(), asked))


def _size(text: str) -> tuple[int, int]:
    width, height = (int(side) for side in text.split("x"))
    return width, height


def benchmark(paths: Paths, asked: argparse.Namespace) -> None:
    """Time and judge everything, and write the table, the plot and the JSON. Raises SharpcamError without a peer."""
    if missing := [peer for peer in asked.peer if not peer.is_file()]:
        raise SharpcamError(f"No peer at {missing[0]}. Give the path of an ONNX file.")
    with tempfile.TemporaryDirectory() as folder:
        contestants = list(find_contestants(paths, asked.peer, Path(folder)))
        scores = judge(contestants, paths, frames=asked.frames)
        calibration = calibration_ms()
        rows = []
        for contestant in contestants:
            timing = in_own_process(contestant.job(asked.size, threads=asked.threads, runs=asked.runs))
            rows.append(row(contestant, timing, scores, size=asked.size))
            print(f"{contestant.label}: {timing.median_ms} ms", flush=True)
    report = {
        "machine": machine(),
        "threads": asked.threads,
        "size": list(asked.size),
        "calibration_ms": {"before": calibration, "after": calibration_ms()},
        "frames": asked.frames,
        "rows": with_ratios(rows),
    }
    write_json(paths.root / "metrics/benchmark.json", report)
    write_bytes(paths.root / "docs/benchmark.md", as_markdown(report).encode())
    plot(report["rows"], paths.root / "docs/benchmark.png")
    print(as_markdown(report))


def judge(contestants: list[Contestant], paths: Paths, *, frames: int) -> Scores:
    """Quality by label. What is untrained has none; the resizes go by their own names."""
    params = load_params(paths.params)
    with frames_to_judge(paths, params) as (where, places):
        runners: dict[str, Running] = {}
        for contestant in contestants:
            if contestant.contract:
                if contestant.contract.geometry == params.geometry:
                    runners[contestant.label] = start(contestant.contract, contestant.engine, 2)
            elif contestant.is_peer and contestant.file:
                engine = ENGINES[contestant.engine].start(contestant.file, threads=2)
                runners[contestant.label] = Peer(engine, params.geometry)
        return score(places[:frames], runners, where, params.geometry)


@contextmanager
def frames_to_judge(paths: Paths, params: Params) -> Iterator[tuple[Paths, list[tuple[str, str]]]]:
    """This project's validation frames, or those of a small demo made now."""
    if paths.split.exists():
        yield paths, validation_places(paths)
        return
    from pipeline.capture.stage import capture
    from pipeline.split import split
    from pipeline.teacher.stage import teacher

    print("No frames here yet: a small demo is made.")
    demo = params.capture.demo.model_copy(update=DEMO)
    captured = params.capture.model_copy(update={"source": "demo", "demo": demo})
    small = params.model_copy(update={"capture": captured})
    with tempfile.TemporaryDirectory() as folder:
        made = Paths(Path(folder))
        for stage in (capture, teacher, split):
            stage(made, small)
        yield made, validation_places(made)


def row(contestant: Contestant, timing: Timing, scores: Scores, *, size: tuple[int, int]) -> dict[str, Any]:
    """All there is to say about one contestant."""
    parameters, macs = count(contestant.counted, size) if contestant.counted else (0, 0)
    judged = scores.get(contestant.label if contestant.file else contestant.name, {})
    return {
        "name": contestant.name,
        "engine": contestant.engine,
        **asdict(timing),
        "parameters": parameters,
        "gmac": round(macs / 1e9, 2),
        "quality": judged,
    }


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times faster than the original student each row is."""
    original = next(row["median_ms"] for row in rows if row["name"] == ORIGINAL)
    return [row | {"times_faster": round(original / row["median_ms"], 1)} for row in rows]


def calibration_ms() -> float:
    """What a fixed matrix product takes just now: tells machines, and how busy they are, apart."""
    square = np.ones((CALIBRATION_PX, CALIBRATION_PX), np.float32)
    return round(median_ms(lambda: square @ square, runs=7), 2)


if __name__ == "__main__":
    sys.exit(main())
