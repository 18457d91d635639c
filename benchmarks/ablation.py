"""What pays in the training of a student: one thing changed at a time, the same number of crops, the mean over seeds.

python -m benchmarks.ablation --crops 40000 --seeds 7 8 [--set model=student_s] [--trials baseline frequency]

Stopped at any moment, the same command goes on. What it showed stands in docs/ablation.md.
"""

import argparse
import sys
from typing import Any

from benchmarks.trials import Trial, Verdict, add_arguments, mean, run_trials
from pipeline.core.command import run_command
from pipeline.core.paths import Paths

BASELINE = "baseline"
PLAIN: dict[str, Any] = {"frequency_weight": 0.0}
TRIALS = {
    BASELINE: {},
    "spectrum, 0.05": {"frequency_weight": 0.05},
    "spectrum, 0.2": {"frequency_weight": 0.2},
    "spectrum, 0.5": {"frequency_weight": 0.5},
    "spectrum, 1": {"frequency_weight": 1.0},
    "no warm-up": {"warmup_share": 0.0},
    "a constant rate": {"final_rate_share": 1.0},
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=list(TRIALS), metavar="NAME")
    add_arguments(parser, crops=40_000)
    asked = parser.parse_args(arguments)
    trials = [Trial(name, PLAIN | TRIALS[name]) for name in dict.fromkeys([BASELINE, *asked.trials])]
    return run_command(lambda: print(table(run_trials(trials, Paths(), asked), crops=asked.crops)))


def table(verdicts: dict[str, list[Verdict]], *, crops: int) -> str:
    """The verdicts as Markdown: PSNR and, behind it, the gain over the baseline."""
    base = verdicts[BASELINE]
    spread = max(verdict.teacher_db for verdict in base) - min(verdict.teacher_db for verdict in base)
    lines = [
        f"{crops} crops, {len(base)} seeds; between seeds the baseline differs by {spread:.2f} dB:",
        "",
        "| | PSNR against the teacher, dB | gain | PSNR against truth, dB | gain |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in verdicts.items():
        cells = [name]
        for key in ("teacher_db", "truth_db"):
            value, before = mean(found, key), mean(base, key)
            cells += ["", ""] if value is None or before is None else [f"{value:.2f}", f"{value - before:+.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
