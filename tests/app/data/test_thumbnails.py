"""Thumbnails are made once, behind the page's back, and anew for another picture of the same name."""

import os

import cv2
from making import make_clip, photo, until

from app.data import thumbnails
from pipeline.core.clips import find_frames
from pipeline.core.frames import write_frame


def test_a_thumbnail_appears_and_stays(project):
    frames = find_frames(make_clip(project.paths, "desk", [photo(60, 80)]))
    until(
        lambda: (
            thumbnails.find(frames, project.paths) == ({frames[0]: thumbnails.place(frames[0], project.paths)}, False)
        )
    )
    (path,) = thumbnails.find(frames, project.paths)[0].values()
    assert cv2.imread(str(path)).shape == (120, 160, 3)
    os.utime(path, (1, 1))
    thumbnails.find(frames, project.paths)
    assert path.stat().st_mtime == 1


def test_another_picture_of_the_name_has_another_thumbnail(project):
    (frame,) = find_frames(make_clip(project.paths, "desk", [photo(60, 80)]))
    before = thumbnails.place(frame, project.paths)
    write_frame(frame, photo(60, 80, seed=1))
    assert thumbnails.place(frame, project.paths) != before


def test_what_is_no_picture_has_none_and_is_not_waited_for(project):
    (frame,) = find_frames(make_clip(project.paths, "desk", [photo(60, 80)]))
    frame.write_text("a text")
    thumbnails.make(frame, thumbnails.place(frame, project.paths))
    assert not thumbnails.place(frame, project.paths).exists()
    assert thumbnails.find([frame.with_name("gone.png")], project.paths) == ({}, False)
