"""The command python -m pipeline.export."""

import sys

from pipeline.core.command import run_stage
from pipeline.export.stage import export

if __name__ == "__main__":
    sys.exit(run_stage("export", export))
