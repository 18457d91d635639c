"""A video to record from."""

import pytest
from making import make_video
from recorded import FRAMES


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "desk.mkv", FRAMES)
