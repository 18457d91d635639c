"""Draw a training log: loss_plot.png and psnr_plot.png beside it.

python -m pipeline.plot --log-path training_logs/training_log.csv
"""

import sys
from pathlib import Path

from pipeline.core.command import run_command
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.training_log import read_log

SIZE_INCHES = (7.0, 4.2)
DPI = 120


def plot_log(log: Path) -> list[Path]:
    """Draw both plots beside `log`; gives their paths."""
    columns = read_log(log)
    return [
        _draw(columns, "loss", "L1 loss (0..1)", log.with_name("loss_plot.png")),
        _draw(columns, "psnr", "PSNR against the teacher (dB)", log.with_name("psnr_plot.png")),
    ]


def _draw(columns: dict[str, list[float]], measure: str, label: str, file: Path) -> Path:
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for part, words in (("train", "training crops"), ("val", "validation frames")):
        axes.plot(columns["epoch"], columns[f"{part}_{measure}"], marker=".", label=words)
    best = max(range(len(columns["epoch"])), key=lambda index: columns["val_psnr"][index])
    axes.axvline(columns["epoch"][best], color="0.6", linestyle=":", label="best epoch")
    axes.set(xlabel="epoch", ylabel=label)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, metadata={"Software": None})
    return file


def main() -> int:
    """Draw the log given on the command line."""
    parser = command_parser("pipeline.plot", __doc__)
    parser.add_argument("--log-path", type=Path, default=Paths().training_log)
    log = parser.parse_args().log_path
    return run_command(lambda: print("\n".join(str(file) for file in plot_log(log))))


if __name__ == "__main__":
    sys.exit(main())
