"""The working tree as a project of its own, in which every stage takes seconds."""

import shutil
import subprocess
from pathlib import Path

from dvc.utils.serialize import modify_yaml
from making import ROOT

LEFT_OUT = ("tests/", "docs/", "dvc.lock", "metrics/", "training_logs/", "data/split.json", "dvc_plots/")


def make_project(folder: Path) -> Path:
    """The working tree as a repository of its own, on parameters so small that every stage takes seconds."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(LEFT_OUT):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    with modify_yaml(folder / "params.yaml") as params:
        params["geometry"].update(width=320, height=256)
        params["capture"]["camera"].update(width=160, height=120)
        params["capture"]["demo"].update(clips=4, frames=6, real_frames=4)
        params["teacher"]["chain"] = "classical"
        params["train"].update(model="student_s", epochs=5, crops_per_epoch=160, batch_size=8, crop_px=32)
        params["evaluate"].update(speed_runs=3, family_photographs=0)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    commit(folder, "start")
    return folder


def commit(folder: Path, message: str) -> None:
    for command in (["add", "-A"], ["commit", "-q", "-m", message]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *command], cwd=folder, check=True)
