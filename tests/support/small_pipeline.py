"""A DVC pipeline of three stages that take no time, but wait in their third frame as long as a file `hold` is there."""

import shutil
from pathlib import Path

import yaml
from making import ROOT, Project, git, until

from app.jobs import Job, find
from pipeline.core.paths import Paths

HELD_FRAME = 2  # of the five in the code below
CODE = """
import time
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.progress import progress
from pipeline.core.command import run_stage

NAME = Path(__file__).stem


def work(paths, params):
    print("\\x1b[32mgreen words\\x1b[0m", flush=True)
    if Path(f"fail-{NAME}").exists():
        raise SharpcamError("It fails, as it was told to. <Fix> it.")
    said = Path(f"{NAME}.frames")
    for index in progress(range(5), what=NAME):
        said.open("a").write(f"begun {index}\\n")
        while index == 2 and Path("hold").exists():
            time.sleep(0.01)
        said.open("a").write(f"finished {index}\\n")
    Path(f"{NAME}.txt").write_text(f"{params.seed} {params.train.epochs if NAME == 'train' else ''}")


raise SystemExit(run_stage(NAME, work))
"""
STAGES = {
    "capture": {"deps": ["code/capture.py"], "params": ["seed"]},
    "teacher": {"deps": ["code/teacher.py", "capture.txt"], "params": ["seed"]},
    "train": {"deps": ["code/train.py", "teacher.txt"], "params": ["seed", "train"]},
}


def give_pipeline(project: Project) -> Project:
    """Give a tiny project the three stages; nothing has run."""
    (project.root / "code").mkdir()
    (project.root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", project.root / ".dvc/config")
    for name in STAGES:
        (project.root / "code" / f"{name}.py").write_text(CODE)
    recipes = {
        name: {"cmd": f"python code/{name}.py", **recipe, "outs": [f"{name}.txt"]} for name, recipe in STAGES.items()
    }
    (project.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": recipes}, sort_keys=False))
    (project.root / ".gitignore").write_text("*.txt\n/logs\n/.cache\n/.dvc/tmp\n/.dvc/cache\n*.frames\n/hold\n")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "three stages")
    return project


def hold(paths: Paths) -> Path:
    """Let every stage wait in its third frame, until the file that this gives is gone."""
    file = paths.root / "hold"
    file.touch()
    return file


def waits_in(stage: str, paths: Paths) -> bool:
    """Whether the stage has begun the frame in which it is held."""
    said = paths.root / f"{stage}.frames"
    return said.exists() and said.read_text().endswith(f"begun {HELD_FRAME}\n")


def ended(job: Job, paths: Paths) -> Job:
    """The job, once it is over."""
    until(lambda: find(job.number, paths).over)
    return find(job.number, paths)
