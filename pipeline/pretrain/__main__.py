"""The command python -m pipeline.pretrain."""

import sys

from pipeline.pretrain.command import main

if __name__ == "__main__":
    sys.exit(main())
