"""The slider takes files and bytes; what is missing is said, and nothing fails."""

from making import photo
from streamlit.testing.v1 import AppTest

from pipeline.core.frames import encode_frame, write_frame


def page():
    from pathlib import Path

    from app.compare import show_slider

    pictures = {"raw": Path("raw.png").read_bytes(), "teacher": Path("teacher.png"), "gone": Path("gone.png")}
    show_slider(pictures, key="one", second="teacher")
    show_slider({"gone": Path("gone.png")}, key="two")


def test_a_picture_that_is_missing_is_said_to_be(project):
    write_frame(project.root / "teacher.png", photo(60, 80))
    (project.root / "raw.png").write_bytes(encode_frame(photo(60, 80)))
    answer = AppTest.from_function(page, default_timeout=30).run()
    assert not answer.exception
    assert [caption.value for caption in answer.caption] == ["There is no picture “gone” of this frame."] * 2
