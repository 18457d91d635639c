"""Experiments of DVC's queue run in folders that DVC removes: what is to outlive them lies in the project.

`dvc exp run --queue` and `--temp` run the stages in .dvc/tmp/exps/NAME, a clone of the project.
"""

import os
from pathlib import Path

QUEUE = (".dvc", "tmp", "exps")
DATABASE = "mlflow.db"
FOLDERS = (  # not .cache/locks: experiments may run side by side
    "mlruns",
    "logs",
    "weights/downloads",
    "weights/registry",
    ".cache/dials",
    ".cache/engines",
    ".cache/teacher",
)


def project_of(folder: Path) -> Path | None:
    """The project whose queued experiment runs in `folder`; None where it is not such a folder."""
    parts = folder.resolve().parts
    for end in range(len(parts) - len(QUEUE), 0, -1):
        if parts[end : end + len(QUEUE)] == QUEUE and len(parts) > end + len(QUEUE):
            return Path(*parts[:end])
    return None


def keep_in_project(folder: Path) -> None:
    """Link the runs, logs and caches of the project into `folder`, if that is a queued experiment's."""
    if (project := project_of(folder)) is None:
        return
    for name in FOLDERS:
        (project / name).mkdir(parents=True, exist_ok=True)
    for name in (DATABASE, *FOLDERS):
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(link):
            link.symlink_to(project / name)
