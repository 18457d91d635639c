"""What cameras compress with gives the same frames whatever lay in memory before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = """
import sys, zlib, numpy
from pipeline.families.families import FAMILIES
from pipeline.families.photographs import photographs
for name, photo in photographs(None, at_most=4).items():
    print(zlib.crc32(numpy.stack(FAMILIES[sys.argv[1]].shot(photo, name=name, frames=3))))
"""


@pytest.mark.parametrize("family", ["B_h264", "H_light_h264", "call_vp9"])
def test_memory_that_was_used_before_changes_no_byte(family):
    """Encoders look at memory they never wrote; MALLOC_PERTURB_ of glibc is what they find there."""
    found = {
        subprocess.run(
            [sys.executable, "-c", CODE, family],
            cwd=ROOT,
            env={**os.environ, "MALLOC_PERTURB_": garbage},
            check=True,
            capture_output=True,
        ).stdout
        for garbage in ("0", "7", "170")
    }
    assert len(found) == 1
