"""What was damaged since it was recorded is no version of the data, and the other clips go on."""

import json
import os

import numpy as np
import pytest
from making import flipped, make_clip, tree
from recorded import FRAMES, capture_from, pictures

from pipeline.capture.stage import capture
from pipeline.core.clip_hashes import HASHES, note_hashes
from pipeline.core.clips import find_clips
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.hashing import sha256


def damage(file):
    """Flip one bit, and have the file look untouched."""
    status = file.stat()
    file.write_bytes(flipped(file.read_bytes()))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def waiting(project, name):
    """A clip of two frames in the inbox."""
    project.paths.inbox.mkdir(parents=True, exist_ok=True)
    return make_clip(project.paths, name, FRAMES[:2]).rename(project.paths.inbox / name)


def test_a_recording_has_the_hash_of_each_of_its_files(project, video):
    capture_from(project, video)
    clip = project.paths.raw / "desk"
    noted = json.loads((clip / HASHES).read_text())
    assert noted == {file.name: sha256(file) for file in clip.iterdir() if file.name != HASHES}
    assert len(noted) == len(FRAMES) + 1


@pytest.mark.parametrize("name", ["000004.png", "clip.json", HASHES])
def test_a_damaged_recording_is_no_version_of_the_data(project, video, name):
    capture_from(project, video)
    clip = project.paths.raw / "desk"
    damage(clip / name)
    waiting(project, "later")
    before = tree(project.paths.raw)
    said = r'desk/.* (was changed or )?damaged.*"python -m pipeline\.verify --restore".* from a backup; where it was .*'
    for _ in range(2):
        with pytest.raises(SharpcamError, match=said):
            capture_from(project, video)
    assert tree(project.paths.raw) == before


@pytest.mark.parametrize("change", [lambda file: file.unlink(), lambda file: file.rename(file.with_name("000099.png"))])
def test_a_frame_that_went_or_came_is_said(project, video, change):
    capture_from(project, video)
    change(project.paths.raw / "desk/000004.png")
    with pytest.raises(SharpcamError, match=r"desk/000004\.png is missing"):
        capture_from(project, video)


def test_a_recording_that_was_changed_on_purpose_is_taken_once_its_hashes_are_removed(project, video, capsys):
    capture_from(project, video)
    clip = project.paths.raw / "desk"
    write_frame(clip / "000004.png", FRAMES[0])
    (clip / HASHES).unlink()
    capture_from(project, video)
    assert "capture: noted the hashes of desk" in capsys.readouterr().out
    capture_from(project, video)
    np.testing.assert_array_equal(pictures(clip)[4], FRAMES[0])


def test_a_recording_that_was_damaged_in_the_inbox_is_set_aside_and_the_others_are_adopted(project, capsys):
    for name in ("whole", "damaged"):
        note_hashes(waiting(project, name))
    write_frame(project.paths.inbox / "damaged/000001.png", 255 - FRAMES[1])
    project.change(capture={"source": "inbox"})
    capture(project.paths, project.params)
    assert "damaged/000001.png was changed or damaged" in capsys.readouterr().out
    assert [clip.name for clip in find_clips(project.paths.raw)] == ["whole"]
    assert [clip.name for clip in find_clips(project.paths.set_aside)] == ["damaged"]


def test_a_recording_that_was_changed_is_given_to_no_teacher(recorded):
    from pipeline.teacher.stage import teacher

    changed = recorded.paths.raw / "demo-01/000001.png"
    write_frame(changed, 255 - read_frame(changed))
    before = tree(recorded.paths.teacher)
    with pytest.raises(SharpcamError, match=r"demo-01/000001\.png is not what was written there: its hash differs"):
        teacher(recorded.paths, recorded.params)
    assert tree(recorded.paths.teacher) == before
