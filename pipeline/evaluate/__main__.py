"""The command python -m pipeline.evaluate."""

import sys

from pipeline.core.command import stage_command
from pipeline.evaluate.stage import evaluate

if __name__ == "__main__":
    sys.exit(stage_command("evaluate", evaluate))
