"""What is uploaded becomes a source that capture records; everything else is one sentence, and leaves nothing."""

import io

import cv2
import numpy as np
import pytest
from making import make_video, photo

from app.data.uploads import folder, receive, remove_recorded
from pipeline.core.clips import find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import encode_frame, read_frame

LIMIT = 10_000_000


class Upload(io.BytesIO):
    """As Streamlit's uploader gives it."""

    def __init__(self, name, data):
        super().__init__(data)
        self.name = name
        self.size = len(data)


def pictures(count, size=(60, 80)):
    return [Upload(f"{index:03d}.png", encode_frame(photo(*size, seed=index))) for index in range(count)]


def video(tmp_path):
    data = make_video(tmp_path / "made.mkv", [photo(60, 80, seed=seed) for seed in range(3)]).read_bytes()
    return Upload("my video.MKV", data)


def test_a_video_is_recorded_as_it_was_uploaded(project, tmp_path):
    source = receive([video(tmp_path)], "desk", project.paths, limit_bytes=LIMIT)
    answer = project.run("pipeline.capture", "--source", str(source), "--clip", "desk")
    assert answer.returncode == 0, answer.stderr
    frames = find_frames(project.paths.inbox / "desk")
    assert len(frames) == 3
    np.testing.assert_array_equal(read_frame(frames[2]), photo(60, 80, seed=2))
    remove_recorded(project.paths)
    assert not list(folder(project.paths).iterdir())


def test_pictures_are_recorded_in_the_order_of_their_names(project):
    source = receive(pictures(3)[::-1], "desk", project.paths, limit_bytes=LIMIT)
    answer = project.run("pipeline.capture", "--source", str(source), "--clip", "desk")
    assert answer.returncode == 0, answer.stderr
    frames = find_frames(project.paths.inbox / "desk")
    np.testing.assert_array_equal(read_frame(frames[1]), photo(60, 80, seed=1))


@pytest.mark.parametrize(
    ("files", "clip", "sentence"),
    [
        ([Upload("a.mp4", b"no video at all" * 100)], "desk", r"^a\.mp4 is not a video that can be decoded"),
        ([Upload("a.txt", b"words")], "desk", r"a\.txt is not a video"),
        ([Upload("a.png", b"words")], "desk", r"a\.png is not a PNG file"),
        ([Upload("a.jpg", b"words")], "desk", r"a\.jpg is no 8-bit colour picture"),
        ([Upload("a.mp4", b"")], "desk", r"a\.mp4 is not a video"),
        ([*pictures(1), Upload("b.mp4", b"x")], "desk", "one video, or any number of pictures"),
        ([Upload("a.mp4", b"x"), Upload("b.mp4", b"x")], "desk", "one video, or any number of pictures"),
        (pictures(1) + pictures(1), "desk", "the same name"),
        ([Upload("a.mp4", bytes(LIMIT + 1))], "desk", "10 MB, and 10 MB are allowed"),
        (pictures(1), "../evil", "cannot name a clip"),
        (pictures(1), 'a"b', "cannot name a clip"),
        ([Upload("..", b"x")], "desk", "cannot name a clip"),
        (pictures(1), "_x", "cannot name a clip"),
        (pictures(1), "demo-77", "begin with demo-"),
        (pictures(1, (6, 8)), "desk", r"^000\.png is 8x6, and a frame of a clip has 16 to 4096 pixels a side"),
    ],
)
def test_what_is_no_recording_is_a_sentence_and_leaves_nothing(project, files, clip, sentence):
    with pytest.raises(SharpcamError, match=sentence):
        receive(files, clip, project.paths, limit_bytes=LIMIT)
    assert not folder(project.paths).exists() or not list(folder(project.paths).iterdir())
    assert not project.paths.inbox.exists()


def test_a_file_with_a_path_in_its_name_lands_in_its_folder(project):
    picture = Upload("../../../evil'; $(x).PNG", encode_frame(photo(60, 80)))
    source = receive([picture], "desk", project.paths, limit_bytes=LIMIT)
    assert [path.name for path in source.iterdir()] == ["evil-x.png"]
    assert source.parent == folder(project.paths)


def test_a_second_attempt_replaces_the_first(project):
    receive(pictures(3), "desk", project.paths, limit_bytes=LIMIT)
    source = receive(pictures(2), "desk", project.paths, limit_bytes=LIMIT)
    assert len(list(source.iterdir())) == 2


def test_an_upload_that_is_not_recorded_yet_stays(project):
    source = receive(pictures(1), "desk", project.paths, limit_bytes=LIMIT)
    remove_recorded(project.paths)
    assert cv2.imread(str(next(source.iterdir()))) is not None
