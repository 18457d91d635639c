"""The table and the plot of `benchmarks.students`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.models.front import pareto
from benchmarks.contestants import CLEAN_SUFFIX, ORIGINAL

PLOT_INCHES = (8.0, 5.0)
DPI = 110
CALIBRATION_PX = 1024  # side of the matrix product that tells how fast the machine was
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
end in `{CLEAN_SUFFIX}` are the forms for clean pictures, timed with random weights;
`python -m benchmarks.bicubic_sr` measures their quality.

{table}

![quality over time](benchmark.png)
"""


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Quality over time: PSNR against the truth where there is one, else against the teacher."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    reference = "truth" if any("truth" in row["quality"] for row in rows) else "teacher"
    judged = [row for row in rows if reference in row["quality"]]
    points = [{"ms": row["median_ms"], "psnr": row["quality"][reference]["psnr"]} for row in judged]
    figure = Figure(figsize=PLOT_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xscale="log")
    for engine in dict.fromkeys(row["engine"] for row in judged):
        own = [point for point, row in zip(points, judged, strict=True) if row["engine"] == engine]
        axes.scatter(*_columns(own), label=engine)
    for name in dict.fromkeys(row["name"] for row in judged):  # once, at its fastest
        own = [point for point, row in zip(points, judged, strict=True) if row["name"] == name]
        fastest = min(zip(*_columns(own), strict=True))
        axes.annotate(name, fastest, xytext=(-4, 4), textcoords="offset points", fontsize=8, ha="right")
    axes.plot(*_columns(pareto(points)), color="0.6", zorder=0, label="Pareto front")
    axes.set(xlabel="milliseconds a frame, end to end", ylabel=f"PSNR against the {reference} (dB)")
    axes.grid(alpha=0.3)
    axes.margins(x=0.15, y=0.1)
    axes.legend(fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


def _columns(points: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Times and qualities of the points."""
    return [point["ms"] for point in points], [point["psnr"] for point in points]
