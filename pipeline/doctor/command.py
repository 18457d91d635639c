"""What is missing on this machine, each with a one-line fix.

python -m pipeline.doctor

Gives 1 where something is missing that sharpcam cannot do without.
"""

from collections.abc import Callable, Iterator, Sequence

from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.doctor.finding import Finding
from pipeline.doctor.machine import assets, browser, camera, disk, engines, gpu, ports, python
from pipeline.doctor.project import chains, damage, database, git, packages, parameters, student

CHECKS: tuple[Callable[[Paths], Iterator[Finding]], ...] = (
    python,
    packages,
    git,
    parameters,
    disk,
    assets,
    student,
    chains,
    engines,
    database,
    damage,
    gpu,
    camera,
    ports,
    browser,
)


def examine(paths: Paths) -> list[Finding]:
    """Look at everything."""
    return [finding for check in CHECKS for finding in check(paths)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found, and what to do."""
    command_parser("pipeline.doctor", __doc__).parse_args(arguments)
    findings = examine(Paths.here())
    for finding in findings:
        print(f"{finding.mark:<9}{finding.what:<28}{finding.said}")
        if finding.fix:
            print(f"{'':<9}{'':<28}→ {finding.fix}")
    return int(any(finding.mark == "MISSING" for finding in findings))
