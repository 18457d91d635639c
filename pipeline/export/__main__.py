"""The command python -m pipeline.export."""

import sys

from pipeline.core.command import stage_command
from pipeline.export.stage import export

if __name__ == "__main__":
    sys.exit(stage_command("export", export))
