"""Where a run comes from, and how to make it again: its commit, its data, the commands."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.paths import Paths
from pipeline.core.yaml_text import parse_yaml
from pipeline.tracking.figures import flatten
from pipeline.tracking.past_runs import PastRun
from pipeline.tracking.run import LOCK_TAG

LOCK = "dvc.lock"
COMMIT = re.compile(r"[0-9a-f]{7,40}")
YAML_WORDS = {"None": "null", "True": "true", "False": "false"}  # how flatten spells them -> how YAML does


def commands(run: PastRun, paths: Paths) -> list[str]:
    """What reproduces the run, typed in the project's folder: its commit, its data, its parameters."""
    commit = run.tags.get("git.commit", "")
    if not COMMIT.fullmatch(commit):
        return []
    changed = changes(run.params, parameters_at(commit, paths))
    settings = [word for change in changes_as_arguments(changed) for word in ("-S", change)]
    return [
        f"git checkout {shlex.quote(commit)}",
        *_data_of(run),
        shlex.join(["dvc", "exp", "run", *settings]) if settings else "dvc repro",
    ]


def _data_of(run: PastRun) -> list[str]:
    """What brings the run's data back: by the dvc.lock that it kept, as the commit may have none."""
    if run.tags.get(LOCK_TAG) != LOCK:
        return ["# the run kept no dvc.lock: commands after this one use the data of the dvc.lock that lies here"]
    fetch = [
        "mlflow",
        "artifacts",
        "download",
        "--run-id",
        run.id,
        "--artifact-path",
        LOCK,
        "--dst-path",
        ".",
    ]
    return [shlex.join(fetch), 'dvc checkout  # on another machine: "dvc pull"']


def parameters_at(commit: str, paths: Paths) -> dict[str, str]:
    """The parameters as that commit has them, flat; none where it is not here, or they are broken."""
    if not COMMIT.fullmatch(commit):  # tags can be written by anybody, and git would take "--output=file" for a wish
        return {}
    command = ["git", "show", "--end-of-options", f"{commit}:{paths.params.name}"]
    answer = subprocess.run(command, cwd=paths.root, capture_output=True, check=False)
    if answer.returncode:
        return {}
    try:
        content: Any = parse_yaml(answer.stdout)
    except (yaml.YAMLError, ValueError):
        return {}
    return flatten(content) if isinstance(content, Mapping) else {}


def changes(ran: Mapping[str, str], committed: Mapping[str, str]) -> dict[str, str]:
    """The parameters that the run had and its commit has not: changed by hand, or by an experiment."""
    return {name: value for name, value in ran.items() if name in committed and not _same(committed[name], value)}


def _same(one: str, other: str) -> bool:
    """Whether two texts mean the same value: 60 and 60.0 do."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def changes_as_arguments(changed: Mapping[str, str]) -> list[str]:
    """Each change as `dvc exp run -S` takes it."""
    return [f"{name}={YAML_WORDS.get(value, value)}" for name, value in changed.items()]


def data_of(run: PastRun) -> dict[str, str]:
    """DVC's hash of each data set that the run was made of, by path."""
    return {name.removeprefix("dvc."): value for name, value in run.tags.items() if name.startswith("dvc.")}


def mlflow_ui(paths: Paths, uri: str) -> str | None:
    """The address of the MLflow UI: the server's own, or the one that `make run` started."""
    if uri.startswith(("http://", "https://")):
        return uri
    note: Path = paths.logs / "mlflow.url"
    return note.read_text().strip() if note.exists() else None
