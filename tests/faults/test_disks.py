"""Disks that are full or read-only, files that are torn, and a database that somebody holds: one sentence, and nothing
that was there is lost; once the fault is gone, the same command goes on."""

import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from making import Project, tree
from victims import ORDER, RESULTS, VICTIMS, results

LIMIT = 2_000  # bytes: less than a frame
LIMITS = {"split": 200}  # what it writes is small
SPARE_KB = 64
SPARES_KB = {"split": 0}
MODULES = [stage for stage in ORDER if stage != "enhance"]
MOUNTED = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]  # seen by that process alone
CAN_MOUNT = shutil.which("unshare") is not None and not subprocess.call(
    [*MOUNTED, "mount -t tmpfs tmpfs /mnt"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
mounting = pytest.mark.skipif(not CAN_MOUNT, reason="this system lets nobody mount anything")


def run(command: Sequence[str], folder: Path, *, limit: int | None = None) -> "subprocess.CompletedProcess[str]":
    """A command in a folder, where no file may grow beyond `limit` bytes."""

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, preexec_fn=restrict)


def is_one_sentence(answer: "subprocess.CompletedProcess[str]") -> None:
    """Whether the command failed with a sentence that names a file and a next step."""
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "sharpcam: " in answer.stderr, answer.stderr


def module(stage: str) -> list[str]:
    return [sys.executable, "-m", f"pipeline.{stage}"]


@pytest.fixture
def waiting(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """A project in which all has run that comes before the stage of the test."""
    return VICTIMS[request.getfixturevalue("stage")].make(tmp_path / "project")


def goes_on(stage: str, project: Project, lost: dict[str, bytes]) -> None:
    """What was there is there still, and without the fault the command does what it does in an unbroken run."""
    now = tree(project.root)
    assert {name for name in lost if name not in now} == set()
    VICTIMS[stage].go_on(project)
    if stage in RESULTS:
        fresh = VICTIMS[stage].make(project.root.with_name("fresh"))
        VICTIMS[stage].go_on(fresh)
        assert results(project, *RESULTS[stage]) == results(fresh, *RESULTS[stage])


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stage", MODULES)
def test_a_file_that_may_not_grow_is_a_sentence(waiting: Project, stage: str) -> None:
    kept = {name: data for name, data in tree(waiting.root).items() if "/data/" in name}
    is_one_sentence(run(module(stage), waiting.root, limit=LIMITS.get(stage, LIMIT)))
    goes_on(stage, waiting, kept)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@mounting
@pytest.mark.parametrize("stage", MODULES)
def test_a_full_disk_is_a_sentence_that_names_a_file(waiting: Project, stage: str) -> None:
    """The whole project lies on a disk with little to spare."""
    copy = waiting.root.with_name("disk")
    copy.mkdir()
    size = sum(len(data) for data in tree(waiting.root).values())
    spare = SPARES_KB.get(stage, SPARE_KB)
    script = (
        f'mount -t tmpfs -o size={2 * size // 1024 + 400}k tmpfs "$1"; cp -a "$0/." "$1"; cd "$1"; '
        f"dd if=/dev/zero of=filler bs=1k 2>/dev/null || true; truncate -s -{spare}k filler; "
        'shift; "$@" || code=$?; exit ${code:-0}'
    )
    answer = run([*MOUNTED, script, str(waiting.root), str(copy), *module(stage)], waiting.root)
    is_one_sentence(answer)
    assert "disk is full" in answer.stderr
    assert "the working folder" not in answer.stderr


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@mounting
@pytest.mark.parametrize("stage", MODULES)
def test_a_read_only_disk_is_a_sentence(waiting: Project, stage: str) -> None:
    script = 'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; cd "$0"; exec "$@"'
    before_it = tree(waiting.root)
    is_one_sentence(run([*MOUNTED, script, str(waiting.root), *module(stage)], waiting.root))
    assert tree(waiting.root) == before_it


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Somebody writes to it, and does not let go."""
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stage", ["train", "register"])
def test_a_database_that_somebody_holds_is_a_sentence(waiting: Project, stage: str) -> None:
    kept = {name: data for name, data in tree(waiting.root).items() if "/data/" in name}
    with held(waiting.root / "mlflow.db"):
        is_one_sentence(run(module(stage), waiting.root))
    goes_on(stage, waiting, kept)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stage", MODULES)
def test_torn_files_are_a_sentence_or_done_again(waiting: Project, stage: str) -> None:
    """Each file that earlier stages wrote, cut off somewhere."""
    chances = random.Random(f"torn {stage}")
    files = [name for name in tree(waiting.root) if ".git/" not in name and not name.endswith("mlflow.db")]
    for name in chances.sample(sorted(files), min(6, len(files))):
        file = waiting.root.parent / name
        whole = file.read_bytes()
        file.write_bytes(whole[: chances.randrange(max(1, len(whole)))])
        answer = run(module(stage), waiting.root)
        assert answer.returncode == 0 or "sharpcam: " in answer.stderr, f"{name}: {answer.stderr}"
        assert "Traceback" not in answer.stderr, f"{name}: {answer.stderr}"
        file.write_bytes(whole)


@pytest.mark.slow
def test_where_no_file_may_grow_capture_says_so(project: Project) -> None:
    is_one_sentence(run(module("capture"), project.root, limit=LIMIT))
