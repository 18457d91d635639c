"""Matrices that are no quarter turn, and what lies beside a picture that is turned."""

from fractions import Fraction
from math import cos, radians, sin

import av
import numpy as np
import pytest

from pipeline.enhance.encoding import Encoding
from pipeline.enhance.video import enhance_video
from pipeline.media.orientation import AS_STORED, ONE, left_to_players, shown_size, upright
from pipeline.media.video import look_at


def turning(degrees: float) -> tuple[int, ...]:
    a, b = (round(ONE * part(radians(degrees))) for part in (cos, sin))
    return (a, b, 0, -b, a, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("degrees", [30, 45, 120, 200])
def test_other_angles_than_quarters_are_left_to_players(degrees):
    picture = np.arange(12).reshape(3, 4, 1)
    assert np.array_equal(upright(picture, turning(degrees)), picture)
    assert left_to_players(turning(degrees)) == turning(degrees)
    assert shown_size((4, 3), turning(degrees)) == (4, 3)


@pytest.mark.parametrize("degrees", [89.7, 90, 90.3])
def test_a_quarter_that_is_rounded_is_a_quarter(degrees):
    picture = np.arange(12).reshape(3, 4, 1)
    assert np.array_equal(upright(picture, turning(degrees)), np.rot90(picture, -1))
    assert left_to_players(turning(degrees)) == AS_STORED


def test_a_film_keeps_its_angle_the_shape_of_its_pixels_and_knows_no_empty_matrix(upscaler, tmp_path):
    def film(name, matrix):
        with av.open(str(tmp_path / name), "w") as container:
            video = container.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.codec_context.sample_aspect_ratio = Fraction(16, 11)
            video.set_display_matrix(matrix)
            container.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
            container.mux(video.encode())
        return tmp_path / name

    made, fast = tmp_path / "made.mp4", Encoding(preset="fast")
    for matrix, size, kept, aspect in (
        (turning(90), (96, 128), AS_STORED, Fraction(11, 16)),
        (turning(45), (128, 96), turning(45), Fraction(16, 11)),
    ):
        assert enhance_video(film("a.mp4", matrix), made, upscaler, fast, as_shown=True) == (1, size)
        facts = look_at(made)
        assert (facts.matrix, facts.aspect) == (kept, aspect)
    data = film("a.mp4", turning(90)).read_bytes()
    at = data.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2
    (tmp_path / "a.mp4").write_bytes(data[:at] + bytes(36) + data[at + 36 :])
    assert look_at(tmp_path / "a.mp4").matrix == AS_STORED
