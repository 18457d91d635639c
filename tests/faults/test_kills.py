"""kill -9 at random moments of everything that runs: afterwards one command ends as if there had been no kill.

The long run is `python -m tests.faults --kills 200`; the seed that is printed kills there again.
"""

import os
import random
import shutil
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
from victims import VICTIMS, Victim, new_folder

SEED = int(os.environ.get("SHARPCAM_SEED", time.time_ns() % 1_000_000))
KILLS = int(os.environ.get("SHARPCAM_KILLS", len(VICTIMS)))
SHARES = {"train": 3, "teacher": 2, "job": 4, "register": 2, "enhance": 2}  # of the kills; 1 for the others
TURNS = [name for name in VICTIMS for _ in range(SHARES.get(name, 1))]


@cache
def unbroken(name: str) -> tuple[float, Any]:
    """How many seconds it takes, and what comes of it where nobody kills it."""
    victim, folder = VICTIMS[name], new_folder()
    project = victim.make(folder)
    started = time.monotonic()
    victim.go_on(project)
    return time.monotonic() - started, victim.outcome(project)


def kill_some(leader: psutil.Process, chances: random.Random) -> tuple[list[psutil.Process], int]:
    """Kill one of the family, or all; gives the family, and how many were. None of either where it has ended."""
    with suppress(psutil.NoSuchProcess):
        if leader.status() != psutil.STATUS_ZOMBIE:
            family = [leader, *leader.children(recursive=True)]
            doomed = family if chances.random() < 0.5 else [chances.choice(family)]
            for member in doomed:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            return family, len(doomed)
    return [], 0


def check(victim: Victim, root: Path, chances: random.Random) -> str:
    """Kill it once, go on, and compare; gives what was killed, and when."""
    seconds, expected = unbroken(victim.name)
    moment, family, killed = chances.uniform(0, seconds), list[psutil.Process](), 0
    while not killed:  # too late: it was quicker than the first time
        shutil.rmtree(root, ignore_errors=True)
        project = victim.make(root)
        leader = victim.begin(project)
        time.sleep(moment)
        family, killed = kill_some(leader, chances)
        if not killed:
            leader.wait()
        moment /= 2
    try:
        victim.wait(project, leader)
        victim.go_on(project)
        assert victim.outcome(project) == expected
    finally:
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        leader.wait()
    return f"{victim.name}: {killed} of {len(family)} after {2 * moment:.2f} s of {seconds:.1f} s"


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(KILLS))
def test_many_kills_are_survived(tmp_path: Path, number: int) -> None:
    chances = random.Random(f"{SEED} {number}")
    print(f"SHARPCAM_SEED={SEED} kills there again, as number {number}")
    print(check(VICTIMS[TURNS[number % len(TURNS)]], tmp_path / "project", chances))
    shutil.rmtree(tmp_path)
