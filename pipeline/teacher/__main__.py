"""The command python -m pipeline.teacher."""

import sys

from pipeline.core.command import stage_command
from pipeline.teacher.stage import teacher

if __name__ == "__main__":
    sys.exit(stage_command("teacher", teacher))
