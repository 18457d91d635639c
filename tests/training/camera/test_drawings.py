"""Drawn pictures: a function of the seed, with hard edges, and not all alike."""

import torch

from training.camera.drawings import HEIGHT, WIDTH, drawing
from training.restoration import detail


def test_a_drawing_is_a_function_of_its_seed():
    first, again, other = drawing(3), drawing(3), drawing(4)
    assert first.shape == (3, HEIGHT, WIDTH)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_there_is_something_to_see_in_every_quarter():
    picture = drawing(0)
    quarters = [half for rows in picture.chunk(2, dim=1) for half in rows.chunk(2, dim=2)]
    assert all(detail(quarter) > 1 for quarter in quarters)


def test_edges_are_as_hard_as_pixels_allow():
    steps = drawing(1)[1].float().diff(dim=1).abs()
    assert float(steps.max()) > 100
