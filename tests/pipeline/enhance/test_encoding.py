"""What an encoder is asked for, and what it may take of the machine."""

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipeline.core.errors import SharpcamError
from pipeline.enhance.encoding import CODECS, Encoding, open_encoder
from pipeline.media.colours import Colours

TASKS = Path("/proc/self/task")


@pytest.mark.parametrize(("codec", "most"), [("h264", 51), ("h265", 51), ("av1", 63), ("vp9", 63)])
def test_a_quality_beyond_the_codecs_is_refused(codec, most):
    """x264 would take the quality of a JPEG for the worst of a video, and say nothing."""
    file = Path("a.mkv")
    assert Encoding(codec, quality=most).suited(file).options["crf"] == str(most)
    with pytest.raises(SharpcamError, match=f"from 0, which is best, to {most}, and {most + 1} was asked for"):
        Encoding(codec, quality=most + 1).suited(file)


def test_the_quality_of_a_lossless_codec_is_none():
    assert "crf" not in Encoding("ffv1", quality=100).suited(Path("a.mkv")).options


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
