"""The command python -m pipeline.train."""

import sys

from pipeline.core.command import run_command, stage_command
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.train.stage import is_first, train, train_as_worker_rank

if __name__ == "__main__":
    if is_first():
        sys.exit(stage_command("train", train))
    paths = Paths.here()
    sys.exit(run_command(lambda: train_as_worker_rank(paths, load_params(paths.params))))
