"""Move the alias champion: to a version that is no worse than the champion on the same data, or back.

python -m pipeline.promote [VERSION | candidate] [--force]
python -m pipeline.promote --back
"""

import sys

from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.tracking import registry
from pipeline.tracking.past_runs import settle
from pipeline.tracking.registry import CANDIDATE, CHAMPION, NAME, Version

JUDGED_BY = "evaluation.student.teacher.psnr"  # tag of a version, dB


def promote(which: str, paths: Paths, *, force: bool = False) -> str:
    """Make `which` ("candidate", or a number) the champion; gives what was done, in a sentence.

    Raises SharpcamError for one that is not there, and, unless `force`, where there is an objection.
    """
    settle(paths)
    versions = registry.versions(paths)
    chosen, champion = choose(which, versions), registry.holder(CHAMPION, versions)
    if champion == chosen:
        return f"Version {chosen.number} is the champion already."
    reason = objection(chosen, champion)
    if reason and not force:
        raise SharpcamError(f"{reason} To promote it all the same, add --force.")
    before = registry.champions_before(paths)
    registry.set_champion(chosen.number, before=[*before, champion.number] if champion else before)
    instead = f" in place of version {champion.number}" if champion else ""
    return f"Version {chosen.number} is the champion now{instead}." + (f" Forced: {reason}" if reason else "")


def back(paths: Paths) -> str:
    """Give the alias back to the champion before; gives what was done, in a sentence."""
    settle(paths)
    versions = registry.versions(paths)
    champion, former = registry.holder(CHAMPION, versions), former_champion(versions, paths)
    if former is None:
        raise SharpcamError("There was no champion before this one that still exists. Name a version to promote.")
    before = registry.champions_before(paths)
    registry.set_champion(former.number, before=before[: _last_index(before, former.number)])
    instead = f" again, in place of version {champion.number}" if champion else " again"
    return f"Version {former.number} is the champion{instead}."


def former_champion(versions: list[Version], paths: Paths) -> Version | None:
    """The last champion before this one that still exists."""
    there = {version.number: version for version in versions if CHAMPION not in version.aliases}
    return next((there[number] for number in reversed(registry.champions_before(paths)) if number in there), None)


def _last_index(numbers: list[int], number: int) -> int:
    return len(numbers) - 1 - numbers[::-1].index(number)


def choose(which: str, versions: list[Version]) -> Version:
    """The version with that alias or number. Raises SharpcamError where there is none."""
    chosen = next((v for v in versions if which in (*v.aliases, str(v.number), f"version:{v.number}")), None)
    if chosen is None:
        numbers = ", ".join(str(version.number) for version in versions) or "none"
        hint = " A student is a candidate once it passed the gate." if which == CANDIDATE else ""
        raise SharpcamError(f'{NAME} has no "{which}"; versions: {numbers}.{hint} "make repro" registers the student.')
    return chosen


def objection(chosen: Version, champion: Version | None) -> str:
    """Why `chosen` should not take the champion's place, or nothing."""
    gate = chosen.tags.get("gate", "unknown")
    if gate != "passed":
        judged = "did not pass the gate" if gate == "failed" else "was never evaluated"
        return f"Version {chosen.number} {judged}."
    if chosen.figure(JUDGED_BY) is None:
        return f"Version {chosen.number} has no finite {JUDGED_BY}: its evaluation cannot be trusted."
    if champion is None:
        return ""
    data = {version.tags.get("data_sha256") for version in (chosen, champion)}
    if len(data) > 1 or None in data:
        return f"Versions {chosen.number} and {champion.number} were not evaluated on the same data: not comparable."
    new, old = chosen.figure(JUDGED_BY), champion.figure(JUDGED_BY)
    if new is None or old is None:
        return f"Of versions {chosen.number} and {champion.number} one has no readable {JUDGED_BY}: not comparable."
    if (gain := new - old) < 0:
        return f"Version {chosen.number} is {-gain:.3f} dB worse than the champion, version {champion.number}."
    return ""


def main() -> int:
    """The command; gives the exit status."""
    parser = command_parser("pipeline.promote", __doc__)
    parser.add_argument("version", nargs="?", default=CANDIDATE, help="a version's number, or candidate (default)")
    parser.add_argument("--force", action="store_true", help="also against an objection")
    parser.add_argument("--back", action="store_true", help="make the champion before this one the champion again")
    asked = parser.parse_args()

    def work() -> None:
        paths = Paths.of_project()
        print(back(paths) if asked.back else promote(asked.version, paths, force=asked.force))

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
