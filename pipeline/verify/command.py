"""Verify all that is not to change: recordings, the teacher's pictures, caches, weights, the registry, the database.

python -m pipeline.verify             looks at every file
python -m pipeline.verify --restore   first takes damaged recordings from DVC's cache

Gives 1 where something is damaged. Nothing is ever removed: what is replaced lies in .cache/damaged afterwards.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.clip_hashes import HASHES, restore_or_accept
from pipeline.core.clips import find_clips
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import recall_json, write_json
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import progress
from pipeline.verify.parts import PARTS
from pipeline.verify.restoring import restore


@dataclass(frozen=True)
class Finding:
    """What is damaged in one place, and the next step."""

    where: str
    faults: tuple[tuple[str, str], ...]  # (name, what is wrong)
    looked_at: int  # in that place
    remedy: str

    def sentence(self) -> str:
        """For people."""
        (name, fault), *more = self.faults
        rest = f"; {len(self.faults)} of {self.looked_at} are not well" if more else ""
        return f"{self.where}: {name} {fault}{rest}"


def verify(paths: Paths) -> list[Finding]:
    """Look at everything; gives what is damaged, in the order of PARTS, and notes for the doctor how it went."""
    checks = [(part, check) for part in PARTS.values() for check in part.checks(paths)]
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    looked_at: dict[tuple[str, str], int] = {}
    for part, check in progress(checks, what="verify", unit="file"):
        place = check.where, part.remedy.format(where=check.where) or restore_or_accept(Path(check.where))
        looked_at[place] = looked_at.get(place, 0) + 1
        if fault := check.fault():
            found.setdefault(place, []).append((check.name, fault))
    findings = [Finding(where, tuple(faults), looked_at[where, fix], fix) for (where, fix), faults in found.items()]
    write_json(paths.verified, {"at": time.time(), "files": len(checks), "findings": len(findings)})
    return findings


def show(findings: Sequence[Finding], paths: Paths) -> None:
    """Print what was found. Raises SharpcamError where that is something."""
    for finding in findings:
        print(f"{finding.sentence()}\n  → {finding.remedy}", flush=True)
    for clip in find_clips(paths.raw):
        if not (clip / HASHES).exists():
            print(f'{clip} has no hashes to be held to yet: the next "dvc repro" notes them', flush=True)
    files = recall_json(paths.verified).get("files", 0)
    if findings:
        places = "1 place is" if len(findings) == 1 else f"{len(findings)} places are"
        raise SharpcamError(f"{places} damaged. Do what is written below each, and verify again.")
    print(f"verify: {files} files, all as they were written", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, after restoring where that is asked for; gives the exit status."""
    parser = command_parser("pipeline.verify", __doc__)
    parser.add_argument("--restore", action="store_true", help="first take damaged recordings from DVC's cache")
    asked = parser.parse_args(arguments)

    def work() -> None:
        paths = Paths.of_project()
        for file in restore(paths) if asked.restore else ():
            print(f"verify: restored {file}", flush=True)
        show(verify(paths), paths)

    return run_command(work)
