"""The learning rate over a training, the same for students, restorers and estimators."""

import math


def warmup_then_cosine(step: int, *, warmup_steps: int, spent: float, final_share: float) -> float:
    """The share of the highest rate for the step after `step`: a linear warm-up by steps, times half a cosine.

    The cosine falls to `final_share` as `spent`, the share of the whole training that is over, goes from 0 to 1
    (after Loshchilov, Hutter: "SGDR", arXiv 1608.03983, without restarts).
    """
    falling = final_share + (1 - final_share) * (1 + math.cos(math.pi * spent)) / 2
    return min(1.0, (step + 1) / warmup_steps) * falling
