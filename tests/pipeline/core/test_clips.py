"""Which frames stand for many."""

import pytest

from pipeline.core.clips import of_each_clip

PLACES = [("a", f"{index:06d}") for index in range(9)] + [("b", "000000"), ("c", "000003")]


@pytest.mark.parametrize(
    ("at_most", "clips"), [(1, "a"), (2, "ab"), (3, "abc"), (4, "abca"), (6, "abcaaa"), (99, "abcaaaaaaaa")]
)
def test_frames_are_of_as_many_clips_as_can_be_and_none_twice(at_most, clips):
    chosen = of_each_clip(PLACES, at_most)
    assert "".join(clip for clip, _ in chosen) == clips
    assert len(set(chosen)) == len(chosen)
    assert chosen[0] == ("a", "000004")


def test_of_no_frames_there_are_none():
    assert of_each_clip([], 3) == []
