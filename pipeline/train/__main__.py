"""The command python -m pipeline.train."""

import sys

from pipeline.core.command import run_command, run_stage
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.train.stage import is_first, train, train_as_worker_rank

if __name__ == "__main__":
    if is_first():
        sys.exit(run_stage("train", train))
    sys.exit(run_command(lambda: train_as_worker_rank(Paths(), load_params(Paths().params))))
