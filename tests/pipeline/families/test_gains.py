"""What is gained over bicubic, as found of methods whose gain is known."""

import cv2
import numpy as np
import pytest

from pipeline.families import gains as module
from pipeline.families.families import FAMILIES
from pipeline.families.gains import below, gains

TWO = {name: FAMILIES[name] for name in ("clean_area", "E_blurred_noisy")}


@pytest.fixture(autouse=True)
def two_families(monkeypatch):
    monkeypatch.setattr(module, "FAMILIES", TWO)


def bicubic(frame):
    return cv2.resize(frame, (2 * frame.shape[1], 2 * frame.shape[0]), interpolation=cv2.INTER_CUBIC)


def test_bicubic_gains_nothing_and_what_spoils_it_loses():
    assert gains(lambda _: bicubic, photos=1, what="test") == dict.fromkeys(TWO, 0.0)
    darker = gains(lambda _: lambda frame: bicubic(frame) // 2, photos=1, what="test")
    assert max(darker.values()) < -5


def test_who_doubles_sees_all_frames_of_the_camera_first():
    seen = []

    def begin(frames):
        seen.append(frames)
        return bicubic

    gains(begin, photos=2, what="test")
    assert [len(frames) for frames in seen] == [2 * module.FRAMES] * len(TWO)
    assert all(frame.dtype == np.uint8 and frame.ndim == 3 for frames in seen for frame in frames)


def test_a_sentence_names_the_families_below_bicubic_the_worst_first():
    found = {"a": -0.3, "b": 0.2, "c": -0.06, "d": -1.0}
    (sentence,) = below(found, who="the student", allowed_db=0.1)
    assert sentence == "On pictures of these kinds of cameras the student is below bicubic: d (-1.00 dB), a (-0.30 dB)."
    assert below(found, who="the student", allowed_db=1.0) == []
