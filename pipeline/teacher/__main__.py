"""The command python -m pipeline.teacher."""

import sys

from pipeline.core.command import run_stage
from pipeline.teacher.stage import teacher

if __name__ == "__main__":
    sys.exit(run_stage("teacher", teacher))
