"""Measure students on the same frames, none of which they have learned, and keep the results for the dashboard.

python -m pipeline.compare champion bundled:student_m run:0123456789abcdef0123456789abcdef
"""

import sys
from collections.abc import Sequence

from pipeline.compare.contenders import find
from pipeline.compare.frames import common_frames
from pipeline.compare.measure import measure
from pipeline.compare.results import REFERENCES, Result
from pipeline.core.command import only_once, run_command
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser


def compare(names: Sequence[str], paths: Paths) -> None:
    """Measure what is not measured yet, and print a table."""
    geometry = load_params(paths.params).geometry
    contenders = find(names, paths)
    frames = common_frames([contender.learned or {} for contender in contenders], geometry, paths)
    with only_once("compare", paths=paths):
        results = measure(contenders, frames, geometry, paths)
    print(f"Measured on {frames.describe()}.")
    print(f"{'student':<44}{'PSNR dB':>9}{'to truth':>9}{'halo':>7}{'flicker':>9}{'ms':>8}")
    for name, key in [(name, name) for name in REFERENCES] + [(each.name, each.key) for each in contenders]:
        print(f"{name:<44}{as_row(results.of(key))}")


def as_row(result: Result | None) -> str:
    """One line of the table."""
    if result is None or result.problem:
        return f"  {result.problem if result else 'not measured'}"
    truth = {"against": "truth"}
    values = [
        (result.measure("psnr"), 9, 2),
        (result.measure("psnr", **truth), 9, 2),
        (result.measure("halo", **truth) or result.measure("halo"), 7, 2),
        (result.measure("flicker", **truth) or result.measure("flicker"), 9, 3),
        (result.ms, 8, 1),
    ]
    return "".join(
        f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}" for value, width, digits in values
    )


def main(arguments: list[str] | None = None) -> int:
    """Compare students; gives the exit status."""
    parser = command_parser("pipeline.compare", __doc__)
    parser.add_argument(
        "students", nargs="+", help="champion, candidate, version:3, student_sr, bundled:student_m, run:ID of MLflow"
    )
    names = parser.parse_args(arguments).students
    return run_command(lambda: compare(names, Paths.of_project()))


if __name__ == "__main__":
    sys.exit(main())
