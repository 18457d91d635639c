"""What is looked at of a frame, and how readings become dials: steadily, and never by what tells nothing."""

import numpy as np
import pytest
from making import brightness_estimator, photo

from pipeline.core.errors import SharpcamError
from pipeline.student.dials import Dials
from pipeline.student.estimator import Estimator, starts, windows

NEUTRAL = Dials(0.25, 0.25, 0.15, 0.25)


def estimator(data=None, *, prior=1.0):
    return Estimator(brightness_estimator() if data is None else data, np.full(4, prior), NEUTRAL)


def stripes(level, *, height=64, width=64):
    """A picture whose mean is `level`, and that is not flat."""
    picture = np.full((height, width, 3), level - 5, np.uint8)
    picture[::2] = level + 5
    return picture


@pytest.mark.parametrize(
    ("side", "expected"),
    [(1, []), (63, []), (64, [0]), (256, [0]), (257, [0, 0]), (480, [0, 224]), (640, [0, 192, 384]), (512, [0, 256])],
)
def test_windows_cover_a_side_from_the_blocks_of_codecs_on(side, expected):
    assert starts(side) == expected


def test_the_windows_with_most_detail_are_looked_at():
    frame = np.full((512, 1024, 3), 128, np.uint8)
    busy = photo(256, 256)
    frame[:256, 512:768], frame[256:, 256:512] = busy, busy // 2 + 64
    found = windows(frame)
    assert len(found) == 2
    np.testing.assert_array_equal(found[0], busy)
    assert len(windows(photo(1024, 1024))) == 4
    assert [window.shape for window in windows(photo(64, 300))] == [(64, 256, 3), (64, 256, 3)]


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.full((480, 640, 3), 120, np.uint8),
        photo(480, 640) // 40,  # nearly black
        255 - photo(480, 640) // 60,  # blown out
        photo(63, 640),
        photo(1, 1),
    ],
    ids=["black", "white", "flat", "night", "blown out", "low", "smallest"],
)
def test_what_tells_nothing_leaves_the_dials_neutral(frame):
    assert estimator().estimate([frame] * 3) == NEUTRAL
    assert estimator().estimate([frame, stripes(200)]) == estimator().estimate([stripes(200)])


def test_no_frame_at_all_is_neutral():
    assert estimator().estimate([]) == NEUTRAL
    assert estimator(prior=0.0).estimate([]) == NEUTRAL


def test_a_frame_of_noise_is_looked_at_like_any_other():
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    assert estimator().estimate([noise]).noise == pytest.approx((0.25 + 4 * 0.5) / 5, abs=0.02)


def test_what_tells_little_stays_near_neutral_and_frames_add_up():
    one, many = (estimator().estimate([stripes(204)] * count) for count in (1, 50))
    assert one == pytest.approx([(value + 0.8) / 2 for value in NEUTRAL], abs=0.011)
    assert many == pytest.approx([0.8] * 4, abs=0.02)
    sure = estimator(brightness_estimator(sure=1e6))
    assert sure.estimate([stripes(204)]) == pytest.approx([0.8] * 4, abs=0.02)
    assert sure.estimate([stripes(204), stripes(102), stripes(204)]) == pytest.approx([2 / 3] * 4, abs=0.02)


def test_16_bits_are_read_as_8():
    picture = photo(64, 80)
    assert estimator().estimate([picture.astype(np.uint16) * 257]) == estimator().estimate([picture])


def test_readings_that_are_not_finite_do_not_count():
    assert estimator(brightness_estimator(sure=np.inf)).estimate([stripes(200)]) == NEUTRAL
    assert estimator(brightness_estimator(sure=np.nan)).estimate([stripes(200)]) == NEUTRAL
    assert estimator(brightness_estimator(sure=-1.0)).estimate([stripes(200)]) == NEUTRAL


def test_what_is_not_an_estimator_is_a_sentence(dialled_once):
    student = dialled_once.with_suffix(".onnx").read_bytes()
    with pytest.raises(SharpcamError, match=r"The contract's estimator cannot read a frame \(.*\)\. Run"):
        estimator(student).estimate([stripes(200)])
    with pytest.raises(SharpcamError, match="is not a model that ONNX Runtime can run"):
        estimator(b"no model").estimate([stripes(200)])
