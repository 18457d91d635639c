"""The command python -m pipeline.evaluate."""

import sys

from pipeline.core.command import run_stage
from pipeline.evaluate.stage import evaluate

if __name__ == "__main__":
    sys.exit(run_stage("evaluate", evaluate))
