"""The stages, what several of them share, and the commands. docs/architecture.md shows the rooms."""

import os

__version__ = "0.2.0"  # of sharpcam: the package, the dashboard, the runs in MLflow and the contracts name it

# Read when torch is loaded. Threads that spin while they wait starve each other on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
