"""What a result was made of: the git commit of the code and DVC's hashes of the data."""

import os
import subprocess
from pathlib import Path

import yaml

from pipeline.core.errors import SharpcamError
from pipeline.core.yaml_text import parse_yaml


def versions(root: Path) -> dict[str, str]:
    """What the run was made of: git commit, whether the tree had changes, DVC's hashes of the data.

    Raises SharpcamError where there is no git repository: nothing could be traced back then.
    """
    commit = _git(root, "rev-parse", "HEAD")
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    experiment = {"dvc.experiment": name} if (name := os.environ.get("DVC_EXP_NAME")) else {}  # as DVC tells its stages
    return {"git.commit": commit, "git.dirty": str(dirty).lower()} | experiment | data_versions(root)


def _git(root: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(["git", *arguments], cwd=root or ".", capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise SharpcamError(
            "There is no git commit here, and every training is tied to one. "
            'Run "git init && git add -A && git commit -m start" and try again.'
        ) from None
    return answer.stdout.strip()


def data_versions(root: Path) -> dict[str, str]:
    """DVC's hash of each data set, as dvc.lock has it: {"dvc.data/raw": "….dir"}."""
    lock = root / "dvc.lock"
    if not lock.exists():
        return {}
    try:
        stages = (parse_yaml(lock.read_bytes()) or {}).get("stages", {})
        outputs = [output for stage in stages.values() for output in stage.get("outs", [])]
        return {f"dvc.{out['path']}": out["md5"] for out in outputs if out["path"].startswith("data/") and "md5" in out}
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, KeyError):
        raise SharpcamError(
            f'{lock} is broken. "git checkout dvc.lock" brings back the last one that was committed; one that never '
            'was can go: "dvc repro" writes it again.'
        ) from None
