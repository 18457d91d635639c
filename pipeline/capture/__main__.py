"""The command python -m pipeline.capture."""

import sys

from pipeline.capture.stage import main

if __name__ == "__main__":
    sys.exit(main())
