"""Packets outlive a kill, and are decoded in an order that every container takes."""

import numpy as np
import pytest

from pipeline.enhance.segments import Coded, Segments, decoding_times


@pytest.mark.parametrize(
    "presented", [[0], [0, 40, 80], [0, 120, 40, 80, 240, 160, 200], [5, 9, 7, 50, 20, 30, 1000, 100]], ids=str
)
def test_decoding_times_ascend_and_are_never_late(presented):
    found = decoding_times(presented)
    assert len(found) == len(presented)
    assert (np.diff(found) > 0).all()
    assert all(dts <= pts for dts, pts in zip(found, presented, strict=True))


def test_what_was_kept_is_found_again_unless_it_was_made_of_something_else(tmp_path):
    packets = [Coded(bytes([index] * index), index, 1, index == 0) for index in range(1, 4)]
    segments = Segments(tmp_path / "video", {"source": "a", "size": (1, 2)})
    assert segments.begin() == 0
    segments.add(packets, size=(8, 6), measured=[1, 2, 3])
    segments.add(packets, size=(8, 6), measured=[4, 5, 6])
    (tmp_path / "video/000002.packets").write_bytes(b"killed before its index")
    again = Segments(tmp_path / "video", {"source": "a", "size": (1, 2)})
    assert again.begin() == 6
    assert list(again.packets()) == packets * 2
    assert again.size == (8, 6)
    assert again.measured() == [1, 2, 3, 4, 5, 6]
    assert Segments(tmp_path / "video", {"source": "b"}).begin() == 0
