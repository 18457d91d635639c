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


def examine(paths: Paths) -> Iterator[Finding]:
    """Look at everything, one after the other: students are measured at their first time, which takes a while."""
    for check in CHECKS:
        yield from check(paths)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found, and what to do."""
    command_parser("pipeline.doctor", __doc__).parse_args(arguments)
    is_missing = False
    for finding in examine(Paths.here()):
        print(f"{finding.mark:<9}{finding.what:<28}{finding.said}", flush=True)
        if finding.fix:
            print(f"{'':<9}{'':<28}→ {finding.fix}", flush=True)
        is_missing = is_missing or finding.mark == "MISSING"
    return int(is_missing)
