"""What could be removed to make room, and removing it: never more than was listed before.

python -m pipeline.cleanup                        lists
python -m pipeline.cleanup --remove frames trash  removes what the last list has of these
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.command import no_stage_runs, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.tracking.client import deleted_runs, files_of, refuse_anothers_store, store_exists, tracking_uri

KEEPING = ("dvc", "gc", "--all-commits", "--all-experiments", "--force")  # and what is in the working folder
Found = dict[str, int]  # what -> bytes


@dataclass(frozen=True)
class Part:
    """A kind of thing that can go."""

    title: str
    price: str  # what is lost with it
    find: Callable[[Paths], Found]
    remove: Callable[[Paths, Iterable[str]], None]


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what disappears meanwhile counts nothing."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(size(Path(entry)) if entry.is_dir() else _bytes(entry) for entry in os.scandir(path))
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _bytes(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _children(folder: str) -> Callable[[Paths], Found]:
    """What lies in a folder of .cache."""

    def find(paths: Paths) -> Found:
        home = paths.cache / folder
        return {f"{folder}/{path.name}": size(path) for path in sorted(home.iterdir())} if home.is_dir() else {}

    return find


def _remove_children(paths: Paths, items: Iterable[str]) -> None:
    with no_stage_runs(paths):
        for item in items:
            path = paths.cache / item
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _run(paths: Paths, *arguments: str) -> str:
    """The output of `python -m arguments`. Raises SharpcamError with its last words where it fails."""
    answer = subprocess.run([sys.executable, "-m", *arguments], cwd=paths.root, capture_output=True, text=True)
    if answer.returncode:
        words = answer.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
        reason = words[0].removeprefix("ERROR: ")
        raise SharpcamError(f"{arguments[0]} {arguments[1]} failed ({reason}). Fix that and try again.")
    return answer.stdout


def _unused_versions(paths: Paths) -> Found:
    if not (paths.root / ".dvc/cache").is_dir():
        return {}
    lines = _run(paths, *KEEPING, "--dry").splitlines()
    files = [Path(line.removeprefix("Removing ")) for line in lines if line.startswith("Removing ")]
    return {"/".join(file.parts[-2:]): size(file) for file in files if file.exists()}


def _remove_versions(paths: Paths, _: Iterable[str]) -> None:
    with no_stage_runs(paths):
        _run(paths, *KEEPING)


def _deleted_runs(_: Paths) -> Found:
    if not store_exists():
        return {}
    return {f"{run} {name}".strip(): _artifacts(uri) for run, (name, uri) in deleted_runs().items()}


def _artifacts(uri: str) -> int:
    """Bytes of a run's artifacts; 0 where a server keeps them."""
    return size(files) if (files := files_of(uri)) else 0


def _remove_runs(paths: Paths, items: Iterable[str]) -> None:
    refuse_anothers_store()
    runs = ",".join(item.partition(" ")[0] for item in items)
    _run(paths, "mlflow", "gc", "--backend-store-uri", tracking_uri(), "--run-ids", runs)


PARTS = {
    "trash": Part("Deleted clips", "They cannot be brought back any more.", _children("trash"), _remove_children),
    "uploads": Part("Uploads", "Clips that were recorded from them stay.", _children("uploads"), _remove_children),
    "enhance": Part(
        "Pictures and videos of the page Enhance",
        "Those that were not downloaded have to be enhanced again.",
        _children("enhance"),
        _remove_children,
    ),
    "frames": Part(
        "Decoded frames of an earlier sharpcam",
        "Nothing: they are decoded in memory now.",
        _children("frames"),
        _remove_children,
    ),
    "teacher": Part(
        "Results of the teacher's networks",
        "A change of a later step runs the networks again.",
        _children("teacher"),
        _remove_children,
    ),
    "training": Part(
        "Checkpoints of trainings", "A training that was stopped begins anew.", _children("training"), _remove_children
    ),
    "engines": Part(
        "Measured engines",
        "Each student's next start measures again which engine is fastest: good where that was on a busy machine.",
        _children("engines"),
        _remove_children,
    ),
    "dvc": Part(
        "Versions of data and weights that no commit and no experiment names",
        "They cannot be brought back any more.",
        _unused_versions,
        _remove_versions,
    ),
    "mlflow": Part("Deleted MLflow runs", "They cannot be restored any more.", _deleted_runs, _remove_runs),
}


def list_file(paths: Paths) -> Path:
    """Where the last list is kept."""
    return paths.cache / "cleanup.json"


def known_list(paths: Paths) -> dict[str, Found] | None:
    """Part -> what the last list has of it; None where there is none that can be read."""
    try:
        listed = read_json(list_file(paths), made_by="cleanup")
        return {name: dict(listed[name]["items"]) for name in PARTS}
    except (SharpcamError, KeyError, TypeError, ValueError):
        return None


def known_problems(paths: Paths) -> dict[str, str]:
    """Part -> why the last list could not find out about it."""
    listed = read_json(list_file(paths), made_by="cleanup")
    return {name: listed[name]["problem"] for name in PARTS if listed[name]["problem"]}


def make_list(paths: Paths) -> dict[str, Any]:
    """Part -> {"items": what -> bytes, "problem": why nothing could be found out}."""
    listed: dict[str, Any] = {}
    for name, part in PARTS.items():
        try:
            listed[name] = {"items": part.find(paths), "problem": ""}
        except SharpcamError as error:
            listed[name] = {"items": {}, "problem": str(error)}
    write_json(list_file(paths), listed)
    return listed


def show(listed: dict[str, Any]) -> None:
    """Print what could be removed."""
    for name, found in listed.items():
        items = found["items"]
        words = found["problem"] or f"{len(items)} things, {sum(items.values()) / 1e6:.1f} MB"
        print(f"{name:<9} {PARTS[name].title}: {words}", flush=True)


def remove(names: Iterable[str], paths: Paths) -> None:
    """Remove what the last list has of the parts `names`. Raises SharpcamError where there is more now than it says."""
    listed = known_list(paths)
    if listed is None:
        raise SharpcamError('Nothing was listed yet. Run "python -m pipeline.cleanup" first and read it.')
    for name in names:
        items = PARTS[name].find(paths)
        if items.keys() - listed[name].keys():
            raise SharpcamError(f"{PARTS[name].title}: more has come since the list was made. Look at it again first.")
        if items:
            PARTS[name].remove(paths, items)
        print(f"{name}: {len(items)} things removed, {sum(items.values()) / 1e6:.1f} MB", flush=True)
    make_list(paths)


def main(arguments: list[str] | None = None) -> int:
    """List, or remove."""
    parser = command_parser("pipeline.cleanup", __doc__)
    parser.add_argument("--remove", nargs="+", choices=sorted(PARTS), metavar="PART", help=", ".join(PARTS))
    chosen = parser.parse_args(arguments).remove

    def work() -> None:
        paths = Paths.of_project()
        if chosen:
            remove(chosen, paths)
        else:
            show(make_list(paths))

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
