"""The checks of pairs find what was put wrong on purpose, and only that; they are made once for each state."""

import cv2
import numpy as np
import pytest
from making import make_clip, photo

from pipeline.checks import check, check_file, find, known_measures, measure
from pipeline.core.clips import find_frames
from pipeline.core.files import read_json
from pipeline.core.frames import write_frame
from pipeline.core.geometry import enlarge

FRAMES = 4


@pytest.fixture
def desk(project):
    """A clip with flawless pairs: each picture is its raw frame, enlarged."""
    project.change(geometry={"width": 640, "height": 512})
    scene = cv2.GaussianBlur(photo(300, 400), (0, 0), 1.2)
    frames = [scene[10:250, 20 + 9 * index : 340 + 9 * index].copy() for index in range(FRAMES)]
    clip = make_clip(project.paths, "desk", frames)
    for path, frame in zip(find_frames(clip), frames, strict=True):
        picture = enlarge(frame, geometry=project.params.geometry, kernel="bicubic")
        write_frame(project.paths.teacher / "desk" / path.name, picture)
    return project


def found(project):
    geometry = project.params.geometry
    frames = list(measure(project.paths.raw / "desk", project.paths, geometry))
    return {finding.check: finding.frames for finding in find(frames, geometry)}


def frame(index, home):
    return home / "desk" / f"{index:06d}.png"


def read(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_flawless_pairs_pass_every_check(desk):
    assert found(desk) == {}


@pytest.mark.parametrize(("shift_px", "expected"), [(0.1, {}), (1.5, {"shift": ("000002",)})])
def test_a_picture_that_lies_beside_its_frame_is_found_below_a_pixel(desk, shift_px, expected):
    path = frame(2, desk.paths.teacher)
    picture = read(path)
    moved = cv2.warpAffine(
        picture,
        np.float32([[1, 0, shift_px], [0, 1, 0]]),
        (picture.shape[1], picture.shape[0]),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    write_frame(path, moved)
    assert found(desk) == expected
    measures = list(measure(desk.paths.raw / "desk", desk.paths, desk.params.geometry))
    assert measures[2].shift_px == pytest.approx(shift_px, abs=0.15)


def test_a_blurred_frame_is_found(desk):
    path = frame(1, desk.paths.raw)
    write_frame(path, cv2.GaussianBlur(read(path), (0, 0), 3))
    assert found(desk)["blur"] == ("000001",)


@pytest.mark.parametrize("level", [0, 255])
def test_a_frame_without_light_or_with_too_much_is_found(desk, level):
    path = frame(3, desk.paths.raw)
    dark = read(path)
    dark[:120] = level
    write_frame(path, dark)
    assert found(desk)["exposure"] == ("000003",)


def test_a_frame_like_the_one_before_is_found(desk):
    write_frame(frame(2, desk.paths.raw), read(frame(1, desk.paths.raw)))
    assert found(desk)["duplicates"] == ("000002",)


def test_what_has_no_picture_another_size_or_is_no_png_is_found(desk):
    frame(0, desk.paths.teacher).unlink()
    write_frame(frame(1, desk.paths.teacher), photo(128, 164))
    frame(3, desk.paths.raw).write_text("a text")
    assert found(desk) | {"shift": (), "duplicates": ()} == {
        "broken": ("000003",),
        "count": ("000000",),
        "size": ("000001",),
        "shift": (),
        "duplicates": (),
    }


def test_measures_are_kept_until_a_frame_changes(desk, capsys):
    clip, geometry = desk.paths.raw / "desk", desk.params.geometry
    assert known_measures(clip, desk.paths, geometry) is None
    check(desk.paths)
    assert known_measures(clip, desk.paths, geometry) == list(measure(clip, desk.paths, geometry))
    written = check_file("desk", desk.paths).stat().st_mtime_ns
    check(desk.paths)
    assert check_file("desk", desk.paths).stat().st_mtime_ns == written
    write_frame(frame(2, desk.paths.raw), read(frame(1, desk.paths.raw)))
    assert known_measures(clip, desk.paths, geometry) is None
    capsys.readouterr()
    check(desk.paths)
    assert "desk: 1 of 4 frames nearly the same as the frame before" in capsys.readouterr().out
    assert read_json(check_file("desk", desk.paths), made_by="checks")["frames"][2]["step"] == 0


def test_the_measures_of_a_clip_that_is_gone_go_too(desk):
    check(desk.paths)
    (desk.paths.raw / "desk").rename(desk.paths.raw / "table")
    check(desk.paths)
    assert not check_file("desk", desk.paths).exists()
    assert check_file("table", desk.paths).exists()


@pytest.mark.parametrize("text", ["", "[]", '{"state": 1}'])
def test_broken_measures_are_made_anew(desk, text):
    check(desk.paths)
    check_file("desk", desk.paths).write_text(text)
    check(desk.paths)
    assert known_measures(desk.paths.raw / "desk", desk.paths, desk.params.geometry)


def test_from_the_shell_it_is_one_command(desk):
    write_frame(frame(2, desk.paths.raw), read(frame(1, desk.paths.raw)))
    answer = desk.run("pipeline.checks")
    assert answer.returncode == 0
    assert "1 of 4 frames nearly the same" in answer.stdout
