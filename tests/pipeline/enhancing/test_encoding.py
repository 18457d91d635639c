"""What an encoder may take of the machine."""

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipeline.enhancing.encoding import CODECS, Colours, Encoding, open_encoder

TASKS = Path("/proc/self/task")


@pytest.mark.skipif(not TASKS.is_dir(), reason="Linux alone has it")
@pytest.mark.parametrize("codec", CODECS)
def test_no_encoder_runs_in_real_time_priority(codec):
    """SVT-AV1 does when root starts it, and so does then whatever this process starts."""
    encoding = Encoding(codec)
    context = av.CodecContext.create(encoding.table.encoder, "w")
    encoding.tune(context, Colours(1, 1, 1, 1), size=(64, 64), rate=Fraction(25), base=Fraction(1, 25))
    open_encoder(context)
    threads = [int(thread.name) for thread in TASKS.iterdir()]
    assert os.SCHED_FIFO not in {os.sched_getscheduler(thread) for thread in threads}
