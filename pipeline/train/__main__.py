"""The command python -m pipeline.train."""

import sys

from pipeline.core.command import in_words, run_stage
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.train.stage import is_first, take_part, train

if __name__ == "__main__":
    if is_first():
        sys.exit(run_stage("train", train))
    sys.exit(in_words(lambda: take_part(Paths(), load_params(Paths().params))))
