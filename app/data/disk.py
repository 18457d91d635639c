"""What the project takes on disk."""

import shutil

from pipeline.cleanup import size
from pipeline.core.paths import Paths


def usage(paths: Paths) -> dict[str, int]:
    """What -> bytes. Content that DVC's cache shares with data/ by hard links is counted in both."""
    places = {
        "Frames (data/raw, data/inbox)": [paths.raw, paths.inbox],
        "Truth of the simulated camera (data/truth)": [paths.truth],
        "Teacher's pictures (data/teacher)": [paths.teacher],
        "DVC's cache: every version of data and weights": [paths.root / ".dvc/cache"],
        "MLflow: runs and their artifacts": [paths.root / name for name in ("mlruns", "mlartifacts", "mlflow.db")],
        "Weights": [paths.root / "weights"],
        "Caches, checkpoints and deleted clips (.cache)": [paths.cache],
        "Logs": [paths.logs],
    }
    return {title: sum(size(place) for place in found) for title, found in places.items()}


def free(paths: Paths) -> int:
    """Bytes that are left on the disk."""
    return shutil.disk_usage(paths.root).free
