"""What a recipe gives the pool: frames fused as a stream is at run time."""

import numpy as np
import torch

from pipeline.pretrain.recipe import fused
from pipeline.student.calm import Calm


def test_fused_frames_are_those_of_a_stream_at_run_time():
    random = np.random.default_rng(0)
    frames = [np.clip(120 + random.normal(0, 8, (48, 64, 3)), 0, 255).astype(np.uint8) for _ in range(5)]
    stream = Calm(noise=0.7)
    expected = [stream.fuse(frame).copy() for frame in frames]
    clip = torch.stack([torch.from_numpy(frame).permute(2, 0, 1) for frame in frames])
    given = fused(clip, 0.7)
    for one, other in zip(given, expected, strict=True):
        assert np.array_equal(one.permute(1, 2, 0).numpy(), other)
    assert given[-1].float().std() < 0.8 * clip[-1].float().std()
