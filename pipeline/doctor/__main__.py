"""The command `python -m pipeline.doctor`."""

import sys

from pipeline.doctor.command import main

sys.exit(main())
