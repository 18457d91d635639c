"""The long run of the kills: how many of them are survived, and the seed that kills there again.

python -m tests.faults [--kills 200] [--seed 7]
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pytest

parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
parser.add_argument("--kills", type=int, default=200)
parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
asked = parser.parse_args()
os.environ |= {"SHARPCAM_KILLS": str(asked.kills), "SHARPCAM_SEED": str(asked.seed)}
print(f"seed {asked.seed}, {asked.kills} kills")
many = f"{Path(__file__).with_name('test_kills.py')}::test_many_kills_are_survived"
sys.exit(pytest.main([many, "-m", "thorough", "-v", "--durations=0", "-rP"]))
