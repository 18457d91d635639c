"""Recordings become clips whole or not at all, once, and none is ever overwritten."""

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from making import ROOT, json_lines, kill, make_clip, make_video, tree, until
from recorded import FRAMES, capture_from, pictures

from pipeline.capture.stage import adopt, capture, record, record_by_hand
from pipeline.core.clip_rules import safe_name
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.params import CameraParams
from pipeline.media.sources import Camera


@pytest.fixture(scope="module")
def long_video(tmp_path_factory):
    """A recording of it takes seconds: enough to be interrupted."""
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return make_video(tmp_path_factory.mktemp("video") / "long.mkv", [noise] * 40)


def by_hand(source, *, clip=None, frames=None, every=None):
    return argparse.Namespace(source=str(source), clip=clip, frames=frames, every=every)


def test_a_video_becomes_a_clip_of_its_frames(project, video):
    capture_from(project, video)
    clip = project.paths.raw / "desk"
    np.testing.assert_array_equal(pictures(clip), FRAMES)
    known = read_json(clip / "clip.json", made_by="capture")
    assert known["source"] == "video"
    assert known["size"] == [80, 60]
    assert known["frames"] == 10
    assert known["fps_reached"] == 25


def test_every_nth_frame_is_kept_up_to_a_number(project, video):
    capture_from(project, video, every=3, frames=3)
    np.testing.assert_array_equal(pictures(project.paths.raw / "desk"), FRAMES[0:9:3])


def test_a_folder_becomes_a_clip(project, tmp_path):
    for index, frame in enumerate(FRAMES[:3]):
        write_frame(tmp_path / "shots" / f"{index}.png", frame)
    capture_from(project, tmp_path / "shots", clip="named")
    np.testing.assert_array_equal(pictures(project.paths.raw / "named"), FRAMES[:3])


def test_a_camera_that_stops_gives_what_it_gave_and_an_error_that_says_so(tmp_path, video):
    asked = CameraParams(width=80, height=60, fps=25, pixel_format="", exposure=None, gain=None, warmup_frames=2)
    clip = tmp_path / "raw" / "desk"
    with pytest.raises(SharpcamError, match=r"stopped after 8 of 500 frames; those are kept.*Check its cable"):
        record(Camera(str(video), asked), clip, frames=500)
    np.testing.assert_array_equal(pictures(clip), FRAMES[2:])
    known = read_json(clip / "clip.json", made_by="capture")
    assert known["asked"] == asked.model_dump()
    assert known["got"]["width"] == 80
    assert known["fps_reached"] > 0
    assert known["frames"] == 8


def test_a_camera_that_gives_enough_is_no_error(tmp_path, video):
    asked = CameraParams(width=80, height=60, fps=25, pixel_format="", exposure=None, gain=None, warmup_frames=0)
    record(Camera(str(video), asked), tmp_path / "desk", frames=4)
    assert len(find_frames(tmp_path / "desk")) == 4


def test_a_camera_that_dies_while_it_warms_up_leaves_nothing(tmp_path, video):
    asked = CameraParams(width=80, height=60, fps=25, pixel_format="", exposure=None, gain=None, warmup_frames=99)
    with pytest.raises(SharpcamError, match="gave no frame"):
        record(Camera(str(video), asked), tmp_path / "raw" / "desk", frames=4)
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_recording_by_hand_waits_in_the_inbox_until_the_stage_adopts_it(project, video):
    record_by_hand(by_hand(video, clip="mine", frames=4), project.paths)
    waiting = tree(project.paths.inbox / "mine")
    capture_from(project, "inbox")
    assert find_clips(project.paths.inbox) == []
    assert tree(project.paths.raw / "mine") == waiting
    assert len(find_frames(project.paths.raw / "mine")) == 4


def test_a_recording_by_hand_never_takes_the_name_of_a_clip(project, video):
    record_by_hand(by_hand(video), project.paths)
    before = tree(project.paths.inbox / "desk")
    with pytest.raises(SharpcamError, match=r"exists already, and no clip is ever overwritten. Choose another --clip"):
        record_by_hand(by_hand(video), project.paths)
    capture_from(project, "inbox")
    with pytest.raises(SharpcamError, match="raw/desk exists already"):
        record_by_hand(by_hand(video), project.paths)
    assert tree(project.paths.raw / "desk") == before


def test_a_recording_that_exists_is_not_recorded_again(project, video, capsys):
    capture_from(project, video)
    before = {path: path.stat().st_mtime_ns for path in project.paths.raw.rglob("*")}
    capture_from(project, video)
    assert {path: path.stat().st_mtime_ns for path in project.paths.raw.rglob("*")} == before
    assert "desk is recorded already" in capsys.readouterr().out


def test_another_recording_of_the_same_name_is_refused(project, tmp_path, video):
    capture_from(project, video)
    before = tree(project.paths.raw)
    other = make_video(tmp_path / "other" / "desk.mkv", FRAMES[::-1])
    with pytest.raises(SharpcamError, match="holds another recording, and no clip is ever overwritten"):
        capture_from(project, other)
    assert tree(project.paths.raw) == before


def test_the_inbox_gives_what_it_can_and_the_rest_is_set_aside_by_name(project, capsys):
    good, taken, empty, strange = (project.paths.inbox / name for name in ("good", "taken", "empty", 'a\'b "c"'))
    kept = tree(make_clip(project.paths, "taken", FRAMES[:1]))
    for clip in (good, taken, strange):
        write_frame(clip / "000000.png", FRAMES[5])
        (clip / "clip.json").write_text("{}")
    empty.mkdir()
    refused = tree(taken, empty, strange)
    adopt(project.paths)
    assert (project.paths.raw / "good" / "000000.png").is_file()
    assert find_clips(project.paths.inbox) == []
    aside = [project.paths.set_aside / clip.name for clip in (taken, empty, strange)]
    assert all(clip.is_dir() for clip in aside)
    assert tree(*aside) == refused
    assert tree(project.paths.raw / "taken") == kept
    said = capsys.readouterr().out
    assert f"{taken} is set aside in {aside[0]}. {project.paths.raw / 'taken'} exists already" in said
    assert "empty is not a recording" in said
    assert "cannot name a clip" in said
    assert said.count("it may go back to the inbox.") == 3


def test_what_is_set_aside_twice_under_a_name_is_kept_twice(project):
    for seed in range(3):
        write_frame(project.paths.inbox / "_x" / "000000.png", FRAMES[seed])
        adopt(project.paths)
    kept = [project.paths.set_aside / name / "000000.png" for name in ("_x", "_x-2", "_x-3")]
    np.testing.assert_array_equal([read_frame(file) for file in kept], FRAMES[:3])


@pytest.mark.parametrize(
    "clip", ["../evil", "/evil", "a'b", 'a"b', ".hidden", "", "..", "a/b", "a\nb", "ü", "_x", "__"]
)
def test_a_clip_cannot_leave_its_folder_by_its_name(project, video, clip):
    before = sorted(project.root.parent.rglob("*"))
    if clip:
        with pytest.raises(SharpcamError, match=r"cannot name a clip. Use letters"):
            record_by_hand(by_hand(video, clip=clip), project.paths)
        assert sorted(project.root.parent.rglob("*")) == before
    with pytest.raises(SharpcamError, match=r"capture.clip|cannot name a clip"):
        project.change(capture={"clip": clip}) if clip else safe_name("..")


def test_the_names_of_the_demo_are_its_own(project, tmp_path, video):
    with pytest.raises(SharpcamError, match=r"demo-77.*begin with demo-. Choose another name"):
        record_by_hand(by_hand(video, clip="demo-77"), project.paths)
    with pytest.raises(SharpcamError, match=r"demo-77.*Choose another name"):
        capture_from(project, video, clip="demo-77")
    waiting = project.paths.inbox / "demo-00"
    write_frame(waiting / "000000.png", FRAMES[0])
    write_json(waiting / "clip.json", {"source": "video"})
    capture(project.paths, project.change(capture={"source": "demo", "clip": "", "demo": {"clips": 1, "frames": 1}}))
    assert read_json(project.paths.raw / "demo-00" / "clip.json", made_by="capture")["source"] == "demo"
    assert (project.paths.set_aside / "demo-00").is_dir()


@pytest.mark.parametrize("size", [(6, 8), (60, 15), (4097, 20)])
def test_frames_that_no_stage_can_work_with_are_refused_before_they_are_a_clip(project, tmp_path, size):
    video = make_video(tmp_path / "desk.mkv", [np.zeros((*size, 3), np.uint8)] * 2)
    write_frame(tmp_path / "shots" / "a.png", np.zeros((*size, 3), np.uint8))
    for source in (video, tmp_path / "shots"):
        with pytest.raises(SharpcamError, match=f"is {size[1]}x{size[0]}, and a frame of a clip has 16 to 4096 pixels"):
            record_by_hand(by_hand(source), project.paths)
    assert find_clips(project.paths.inbox) == []


@pytest.mark.parametrize("name", ['we\'ird "na me".mkv', "..a.mkv", "-rf.mkv", "a;b$(c).mkv"])
def test_a_file_with_a_strange_name_becomes_a_clip_with_a_plain_one(project, tmp_path, name):
    make_video(tmp_path / name, FRAMES[:2])
    record_by_hand(by_hand(tmp_path / name), project.paths)
    (clip,) = find_clips(project.paths.inbox)
    assert clip.name.replace("-", "").replace(".", "").isalnum()
    assert not clip.name.startswith((".", "-"))


def test_without_any_clip_the_stage_says_how_to_get_one(project):
    with pytest.raises(SharpcamError, match=r"There is no clip yet. Record one with"):
        capture_from(project, "inbox")


def test_kill_in_the_middle_of_a_recording_leaves_no_half_clip_and_the_next_run_succeeds(project, long_video):
    part = project.paths.inbox / ".long.part"
    process = project.start("pipeline.capture", "--source", str(long_video), "--frames", "40")
    until(lambda: process.poll() is not None or len(list(part.glob("*.png"))) > 5)
    kill(process)
    assert part.is_dir()
    assert find_clips(project.paths.inbox) == []
    record_by_hand(by_hand(long_video, frames=20), project.paths)
    assert len(find_frames(project.paths.inbox / "long")) == 20
    assert not part.exists()


def test_kill_of_the_stage_in_the_middle_leaves_no_half_clip_and_the_next_run_succeeds(project, long_video):
    project.change(capture={"source": str(long_video), "frames": 20})
    process = project.start("pipeline.capture")
    part = project.paths.raw / ".long.part"
    until(lambda: process.poll() is not None or len(list(part.glob("*.png"))) > 5)
    kill(process)
    assert find_clips(project.paths.raw) == []
    capture(project.paths, project.params)
    assert [path.name for path in project.paths.raw.iterdir()] == ["long"]
    assert len(find_frames(project.paths.raw / "long")) == 20


def test_of_two_recordings_of_the_same_name_at_once_one_is_refused(project, long_video):
    command = ("pipeline.capture", "--source", str(long_video), "--clip", "one")
    first = project.start(*command, "--frames", "40")
    until(lambda: first.poll() is not None or list((project.paths.inbox / ".one.part").glob("*.png")))
    second = project.run(*command, "--frames", "3")
    assert first.wait() == 0, first.communicate()
    first.communicate()
    assert second.returncode == 1
    assert "already runs as process" in second.stderr
    assert len(find_frames(project.paths.inbox / "one")) == 40


@pytest.mark.parametrize("arguments", [("--source", "97", "--clip", "a"), ("--source", "nowhere.mp4")])
def test_a_source_that_is_not_there_is_one_sentence_and_a_failure(project, arguments):
    answer = project.run("pipeline.capture", *arguments)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert sum(line.startswith("sharpcam: ") for line in answer.stderr.splitlines()) == 1
    assert not project.paths.inbox.exists() or list(project.paths.inbox.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--frames", "0"], ["--every", "-1"], ["--frames", "many"]])
def test_a_number_that_is_none_is_refused_on_the_command_line(project, arguments):
    answer = project.run("pipeline.capture", "--source", "0", *arguments)
    assert answer.returncode == 2
    assert "is not a positive whole number" in answer.stderr


def test_a_bad_picture_fails_the_recording_by_name_and_leaves_what_was_there(project, tmp_path):
    make_clip(project.paths, "before", FRAMES[:1])
    before = tree(project.root / "data")
    write_frame(tmp_path / "shots" / "a.png", FRAMES[0])
    (tmp_path / "shots" / "b.png").write_text("text")
    with pytest.raises(SharpcamError, match=r"b\.png is not a PNG file; frames are 8-bit RGB PNG. Convert or remove"):
        capture_from(project, tmp_path / "shots")
    assert tree(project.root / "data") == before


def test_an_empty_folder_is_no_clip(project, tmp_path):
    (tmp_path / "shots").mkdir()
    with pytest.raises(SharpcamError, match="shots gave no frame"):
        capture_from(project, tmp_path / "shots")
    assert find_clips(project.paths.raw) == []


@contextmanager
def mounted(folder, *arguments):
    """`mount arguments folder` as long as the body runs; skips by name where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", *arguments, folder], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(project, long_video):
    with mounted(project.root / "data", "-t", "tmpfs", "-o", "size=4m", "none"):
        make_clip(project.paths, "before", FRAMES[:1])
        before = tree(project.root / "data")
        answer = project.run("pipeline.capture", "--source", str(long_video))
        assert answer.returncode == 1
        assert "the disk is full. Free some space and run again" in answer.stderr
        assert "Traceback" not in answer.stderr
        assert tree(project.root / "data") == before


def test_a_file_size_limit_is_one_sentence_too(project, long_video):
    command = f'ulimit -f 100 && exec {sys.executable} -m pipeline.capture --source "{long_video}"'
    answer = project.call("sh", "-c", command)
    assert answer.returncode == 1
    assert "a file may not grow that large here. Raise the limit" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert find_clips(project.paths.inbox) == []


def test_a_read_only_data_folder_is_one_sentence_and_leaves_what_was_there(project, video):
    make_clip(project.paths, "before", FRAMES[:1])
    before = tree(project.root / "data")
    project.change(capture={"source": str(video)})
    data = project.root / "data"
    with mounted(data, "--bind", str(data)):
        subprocess.run(["mount", "-o", "remount,ro,bind", data], check=True)
        answer = project.run("pipeline.capture")
        assert answer.returncode == 1
        assert "the disk is read-only. Mount it for writing and run again" in answer.stderr
        assert "Traceback" not in answer.stderr
        assert tree(data) == before


def test_the_stage_notes_how_long_it_took_and_how_it_ended(project, video):
    project.change(capture={"source": str(video)})
    assert project.run("pipeline.capture").returncode == 0
    project.change(capture={"source": "nowhere"})
    assert project.run("pipeline.capture").returncode == 1
    lines = json_lines(project.paths.logs / "durations.jsonl")
    assert [(line["stage"], line["status"]) for line in lines] == [("capture", "done"), ("capture", "failed")]


def test_recording_by_hand_does_not_load_torch():
    loaded = "import pipeline.capture.stage, sys; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
