"""The command python -m app.live."""

import sys

from app.live.serve import main

if __name__ == "__main__":
    sys.exit(main())
