"""The long run of the fuzzing: as many inputs for each reader and kind of request, and a seed that makes them again.

python -m tests.fuzz [--each 500] [--seed 7]
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pytest

parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
parser.add_argument("--each", type=int, default=500, help="inputs for each reader and way of changing them")
parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
asked = parser.parse_args()
os.environ["SHARPCAM_FUZZ"] = str(asked.each)
print(f"seed {asked.seed}, {asked.each} inputs each")
sys.exit(pytest.main([str(Path(__file__).parent), f"--hypothesis-seed={asked.seed}", "--timeout=3000"]))
