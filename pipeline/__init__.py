"""One module per DVC stage, and what two of them share."""

import os

# Read when torch is loaded. Threads that spin while they wait starve each other on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
