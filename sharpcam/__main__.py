"""The command python -m sharpcam."""

import sys

from sharpcam.command import main

if __name__ == "__main__":
    sys.exit(main())
