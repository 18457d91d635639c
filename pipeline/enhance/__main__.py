"""The command python -m pipeline.enhance."""

import sys

from pipeline.enhance.run import main

if __name__ == "__main__":
    sys.exit(main())
