"""What every part does with pictures."""

import torch

from training.pictures import to_uint8


def test_pictures_are_rounded_and_clamped_to_eight_bits():
    assert to_uint8(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0, 0, 128, 255, 255]
