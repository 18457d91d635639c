"""The students side by side with the original one, with OpenCV's resizes and with peers: speed and quality in one run.

python -m benchmarks.students [--size 640x480] [--threads 2] [--runs 60] [--frames 10] [--peer other.onnx ...]

Writes metrics/benchmark.json, docs/benchmark.md and docs/benchmark.png. Times are end to end, uint8 to uint8, each in
a process of its own. Quality is measured on validation frames: this project's, or a simulated demo made for it.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.timing import Job, Timing, in_own_process
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes, write_json
from pipeline.core.geometry import Frame, fit
from pipeline.core.params import GeometryParams, Params, load_params
from pipeline.core.paths import Paths
from pipeline.evaluate.scores import Scores, score
from pipeline.evaluate.stage import validation_places
from pipeline.student.contract import INT8_SUFFIX, Contract, read_contract
from pipeline.student.engines import ENGINES, REFERENCE, Running, machine
from pipeline.student.student import start

CALIBRATION_PX = 1024
NOISE_PX = 256  # what an untrained student is calibrated on
FAMILY = ("student_s", "student_m", "student_l")
CLEAN_SUFFIX = "_clean"  # of the names of the forms for clean pictures
ORIGINAL = "student_original"
RESIZES = ("bicubic", "lanczos")
DEMO = {"clips": 2, "frames": 5, "real_frames": 0}
PLOT_INCHES = (8.0, 5.0)
DPI = 110


@dataclass(frozen=True)
class Contestant:
    """One row: something that enlarges a frame, in one engine."""

    name: str
    engine: str  # one of ENGINES, or "opencv"
    file: Path | None = None  # the ONNX file that runs
    counted: Path | None = None  # the float file, which parameters and multiplications are counted in
    contract: Contract | None = None  # of a trained student
    is_peer: bool = False  # a network of others, trained too

    @property
    def label(self) -> str:
        return f"{self.name}, {self.engine}"

    def job(self, size: tuple[int, int], *, threads: int, runs: int) -> Job:
        engine = self.engine if self.file else self.name
        return Job(engine, str(self.file or ""), size[0], size[1], threads, runs)


@dataclass(frozen=True)
class Peer:
    """A network of others: RGB, NCHW, 0..1, twice the size."""

    running: Running
    geometry: GeometryParams

    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """(h, w, 3) uint8 to (H, W, 3) uint8."""
        return self.running.enhance(fit(frame, geometry=self.geometry), out)


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


def find_contestants(paths: Paths, peers: list[Path], folder: Path) -> Iterator[Contestant]:
    """Every student in every engine that is here, then what they are compared with.

    Those of the family that nobody has trained here are written to `folder`, and are there for their speed, as are the
    forms for clean pictures, which `benchmarks.bicubic_sr` judges.
    """
    here = [name for name in ENGINES if not ENGINES[name].missing()]
    contracts = [*sorted(paths.bundled.glob("student_*.json")), paths.contract]
    for file in filter(Path.exists, contracts):
        yield from trained_student(file, here)
    camera_forms = sorted(set(FAMILY) - {file.stem for file in contracts})
    for name in [*camera_forms, *(f"{name}{CLEAN_SUFFIX}" for name in FAMILY)]:
        plain = write_untrained(name, folder, paths)
        whole = write_int8(plain)
        files = {engine: whole if ENGINES[engine].needs_int8_file else plain for engine in here}
        yield from (Contestant(name, engine, file, plain) for engine, file in files.items())
    original = write_untrained(ORIGINAL, folder, paths)
    yield Contestant(ORIGINAL, REFERENCE, original, original)
    for peer in peers:
        float_engines = [engine for engine in here if ENGINES[engine].precision == "fp32"]
        yield from (Contestant(peer.stem, engine, peer, peer, is_peer=True) for engine in float_engines)
    yield from (Contestant(kernel, "opencv") for kernel in RESIZES)


def trained_student(contract_file: Path, engines: list[str]) -> Iterator[Contestant]:
    """The student of a contract in each of `engines` that it has a file for."""
    contract = read_contract(contract_file)
    for engine in engines:
        if onnx_file := contract.onnx(int8=ENGINES[engine].needs_int8_file):
            yield Contestant(contract_file.stem, engine, onnx_file, contract.onnx(int8=False), contract)


def write_untrained(name: str, folder: Path, paths: Paths) -> Path:
    """A network of MODELS, in the form for clean pictures where its name says so, with weights by chance."""
    import torch

    from pipeline.export.stage import to_onnx
    from training.models import MODELS

    torch.manual_seed(0)
    form = {"clean": True} if name.endswith(CLEAN_SUFFIX) else {}
    model = MODELS[name.removesuffix(CLEAN_SUFFIX)](**form)
    for parameter in model.parameters():  # where a fresh one has zeros, an engine could leave work out
        torch.nn.init.normal_(parameter, std=0.05)
    file = folder / f"{name}.onnx"
    file.write_bytes(to_onnx(model, opset=load_params(paths.params).export.opset))
    return file


def write_int8(plain: Path) -> Path:
    """The int8 form of the network in `plain`, beside it."""
    from pipeline.export.quantise import quantise

    noise = np.random.default_rng(0).integers(0, 256, (NOISE_PX, NOISE_PX, 3), np.uint8)
    file = plain.with_name(f"{plain.stem}{INT8_SUFFIX}.onnx")
    file.write_bytes(quantise(plain.read_bytes(), [noise]))
    return file


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


def count(file: Path, size: tuple[int, int]) -> tuple[int, int]:
    """Parameters, and multiplications of the convolutions for a frame of `size` (width, height)."""
    model = onnx.load(file)
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, value in zip(dimensions, (1, 3, size[1], size[0]), strict=True):
        dimension.dim_value = value
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    weights = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    shapes = {
        info.name: [item.dim_value for item in info.type.tensor_type.shape.dim]
        for info in [*graph.input, *graph.value_info, *graph.output]
    }
    macs = 0
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            place = node.output[0] if node.op_type == "Conv" else node.input[0]
            macs += weights[node.input[1]] * int(np.prod(shapes[place][2:]))
    return sum(weights.values()), macs


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times faster than the original student each row is."""
    original = next(row["median_ms"] for row in rows if row["name"] == ORIGINAL)
    return [row | {"times_faster": round(original / row["median_ms"], 1)} for row in rows]


def calibration_ms() -> float:
    """What a fixed matrix product takes just now: tells machines, and how busy they are, apart."""
    square = np.ones((CALIBRATION_PX, CALIBRATION_PX), np.float32)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        square @ square
        times.append(1e3 * (time.perf_counter() - started))
    return round(statistics.median(times), 2)


COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "median ms": lambda row: f"{row['median_ms']:.1f}",
    "p95 ms": lambda row: f"{row['p95_ms']:.1f}",
    "frames/s": lambda row: f"{1e3 / row['median_ms']:.0f}",
    "times faster": lambda row: f"{row['times_faster']:.0f}",
    "MB": lambda row: f"{row['memory_mb']:.0f}",
    "k parameters": lambda row: f"{row['parameters'] / 1e3:.1f}" if row["parameters"] else "",
    "GMAC": lambda row: f"{row['gmac']:.1f}" if row["gmac"] else "",
}
MEASURES = {"psnr": ("PSNR", ".2f"), "ssim": ("SSIM", ".4f"), "flicker": ("flicker", ".3f")}


def as_markdown(report: dict[str, Any]) -> str:
    """The report as a page."""
    measures = [(reference, measure) for reference in ("teacher", "truth") for measure in MEASURES]
    headings = ["", "engine", *COLUMNS, *(f"{MEASURES[measure][0]} {reference}" for reference, measure in measures)]
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    for row in report["rows"]:
        cells = [row["name"], row["engine"], *(show(row) for show in COLUMNS.values())]
        for reference, measure in measures:
            value = row["quality"].get(reference, {}).get(measure)
            cells.append("" if value is None else format(value, MEASURES[measure][1]))
        lines.append("| " + " | ".join(cells) + " |")
    table, (before, after) = "\n".join(lines), report["calibration_ms"].values()
    return f"""# Students beside others
Made by `make bench`, which measures everything in one run and writes this page.

{report["size"][0]}x{report["size"][1]} in, twice that out, uint8 to uint8, {report["threads"]} threads, on
{"; ".join(report["machine"])}. A product of two {CALIBRATION_PX}x{CALIBRATION_PX} matrices took {before} ms before
and {after} ms after: compare only runs where that is alike, or the column "times faster", which is against
`{ORIGINAL}` in ONNX Runtime. MB is what library, weights and buffers hold. Quality is over
{report["frames"]} validation frames; what is untrained here, as `{ORIGINAL}` is, has none. Names that
end in `{CLEAN_SUFFIX}` are the forms for clean pictures, timed with weights by chance;
`python -m benchmarks.bicubic_sr` measures their quality.

{table}

![quality over time](benchmark.png)
"""


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (time, quality) that no other beats in both, from fast to slow."""
    best: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or point[1] > best[-1][1]:
            best.append(point)
    return best


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Quality over time: PSNR against the truth where there is one, else against the teacher."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    reference = "truth" if any("truth" in row["quality"] for row in rows) else "teacher"
    judged = [row for row in rows if reference in row["quality"]]
    points = [(row["median_ms"], row["quality"][reference]["psnr"]) for row in judged]
    figure = Figure(figsize=PLOT_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xscale="log")
    for engine in dict.fromkeys(row["engine"] for row in judged):
        own = [point for point, row in zip(points, judged, strict=True) if row["engine"] == engine]
        axes.scatter(*zip(*own, strict=True), label=engine)
    for name in dict.fromkeys(row["name"] for row in judged):  # once, at its fastest
        fastest = min(point for point, row in zip(points, judged, strict=True) if row["name"] == name)
        axes.annotate(name, fastest, xytext=(-4, 4), textcoords="offset points", fontsize=8, ha="right")
    axes.plot(*zip(*front(points), strict=True), color="0.6", zorder=0, label="Pareto front")
    axes.set(xlabel="milliseconds a frame, end to end", ylabel=f"PSNR against the {reference} (dB)")
    axes.grid(alpha=0.3)
    axes.margins(x=0.15, y=0.1)
    axes.legend(fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main())
