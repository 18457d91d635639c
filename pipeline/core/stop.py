"""Stopping a stage at its next good moment: the frame or epoch at hand is finished and kept, then it ends as by Ctrl-C.

A signal would strike in the middle of an epoch, and cost it. So who wants a gentle end makes a file, and says in the
environment which; every progress bar and every epoch looks for it.
"""

import os
import sys
from pathlib import Path

STOP_FILE = "SHARPCAM_STOP_FILE"  # environment variable: this stage is to end once that file exists


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt where the file exists."""
    asked = os.environ.get(STOP_FILE)
    if asked and Path(asked).exists():
        print("\nStopping, as asked.", file=sys.stderr)
        raise KeyboardInterrupt
