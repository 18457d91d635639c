"""The pictures of Home: of which frame, by which student, and made once."""

import os
import shutil

import cv2
import numpy as np
import pytest
from making import ROOT, make_clip, photo, tree

from app.home.before_after import begin, make, own_clips
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.paths import Paths


@pytest.fixture
def clone(project):
    """A project with what ships, as a fresh clone has it."""
    shutil.copytree(ROOT / "weights/bundled", project.paths.bundled)
    shutil.copytree(ROOT / "data/demo", project.root / "data/demo")
    return project


def record(project, name, *, seed, age_s=0.0, folder=None):
    clip = make_clip(project.paths, name, [photo(60, 80, seed=seed)] * 3, size=[80, 60])
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        clip = clip.rename(folder / name)
    then = (clip / "clip.json").stat().st_mtime - age_s
    os.utime(clip / "clip.json", (then, then))
    return clip


def test_a_fresh_clone_shows_a_real_frame_by_a_student_that_ships(clone):
    pair = begin(clone.paths).result()
    assert (pair.frame, pair.student) == ("A webcam's clip that comes with sharpcam", "Bundled student_m")
    before, after = (cv2.imread(str(file)) for file in (pair.before, pair.after))
    assert before.shape == after.shape == (960, 1280, 3)
    assert 1 < np.abs(before.astype(float) - after).mean() < 20


def test_the_newest_clip_of_the_users_own_is_shown_in_its_own_shape(clone):
    record(clone, "mug", seed=1, age_s=60)
    record(clone, "desk", seed=2, folder=clone.paths.inbox)
    write_json(record(clone, "demo-00", seed=3) / "clip.json", {"source": "demo"})
    assert [clip.name for clip in own_clips(clone.paths)] == ["desk", "mug"]
    pair = make(clone.paths)
    assert pair.frame == "desk, frame 1"
    assert cv2.imread(str(pair.after)).shape == (120, 160, 3)


def test_pictures_are_made_once_for_a_frame_and_a_student(clone):
    record(clone, "desk", seed=1)
    first = make(clone.paths)
    first.after.write_bytes(b"kept")
    assert make(clone.paths) == first
    assert first.after.read_bytes() == b"kept"
    shutil.copytree(clone.paths.raw / "desk", clone.paths.raw / "mug")
    assert make(clone.paths).after == first.after, "the same content"
    record(clone, "cup", seed=2)
    other = make(clone.paths)
    assert tree(first.after.parent).keys() == {f"before_after/{file.name}" for file in (other.before, other.after)}


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_a_broken_frame_gives_way_to_the_next_one(clone, content):
    record(clone, "mug", seed=1, age_s=60)
    (record(clone, "desk", seed=2) / "000001.png").write_bytes(content)
    assert make(clone.paths).frame == "mug, frame 1"


@pytest.mark.parametrize("content", [None, "no JSON"])
def test_frames_that_were_put_there_by_hand_are_the_users_own(clone, content):
    note = record(clone, "cup", seed=3) / "clip.json"
    note.unlink() if content is None else note.write_text(content)
    assert make(clone.paths).frame == "cup, frame 1"


def test_without_a_student_it_is_one_sentence(project):
    with pytest.raises(SharpcamError, match=r'There is no student yet.*Run "make repro" first'):
        begin(Paths(project.root)).result()
