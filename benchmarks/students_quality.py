"""How near each student comes to the teacher on the same data and the same number of crops, beside student_original.

python -m benchmarks.students_quality --crops 8000 [--models student_s student_original] [--set learning_rate=0.001]

Stopped at any moment, the same command goes on. Every model trains from scratch on the data of the project here, each
with the learning rate that suits it, which --set learning_rate overrides.
"""

import argparse
import sys

from benchmarks.trials import RATES, Trial, Verdict, add_arguments, mean, run_trials
from pipeline.core.command import run_command
from pipeline.core.paths import Paths

REFERENCE = "student_original"
FAMILY = ("student_s", "student_m", "student_l", REFERENCE)
ALLOWED_DB = {"student_s": 0.4, "student_m": 0.2, "student_l": 0.1}  # below the reference


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.students_quality", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=FAMILY, default=FAMILY)
    add_arguments(parser, crops=8000)
    asked = parser.parse_args(arguments)
    trials = [Trial(name, {"model": name, "learning_rate": RATES[name]}) for name in asked.models]
    return run_command(lambda: print(table(run_trials(trials, Paths(), asked), crops=asked.crops)))


def table(verdicts: dict[str, list[Verdict]], *, crops: int) -> str:
    """The verdicts as Markdown, each against the reference where that was trained too."""
    lines = [
        f"{crops} crops each, from scratch:",
        "",
        "| student | parameters | PSNR against the teacher, dB | against student_original | allowed | "
        "PSNR against truth, dB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    reference = mean(verdicts[REFERENCE], "teacher_db") if REFERENCE in verdicts else None
    for name, found in verdicts.items():
        teacher_db, truth_db = mean(found, "teacher_db"), mean(found, "truth_db")
        against = "" if reference is None or teacher_db is None else f"{teacher_db - reference:+.2f}"
        allowed = f"-{ALLOWED_DB[name]}" if name in ALLOWED_DB else ""
        truth = "" if truth_db is None else f"{truth_db:.2f}"
        lines.append(f"| {name} | {found[0].parameters:,} | {teacher_db:.2f} | {against} | {allowed} | {truth} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
