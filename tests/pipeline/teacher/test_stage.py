"""A frame is enhanced once for its bytes and the recipe, whatever kills the stage in between."""

import random
import shutil
from typing import ClassVar

import numpy as np
import pytest
from making import json_lines, kill, make_clip, photo, tiny_project, tree, undecodable, until

from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.progress import in_gigabytes, in_hours
from pipeline.split import split
from pipeline.teacher.chain import build_chain
from pipeline.teacher.stage import teacher
from pipeline.teacher.step import Step
from pipeline.teacher.steps import STEPS

FRAMES = [photo(60, 80, seed=seed) for seed in range(4)]
FITTED = ({"crop": {}}, {"resize": {}})


class FakeNetwork(Step, frozen=True):
    """Stands for a network: counts its runs, and glitches where a picture's first pixel is white."""

    is_network: ClassVar[bool] = True
    runs: ClassVar[list[int]] = []

    def run(self, picture, *, geometry):
        if picture.shape[1] == 160:  # not the estimate's small cut-out
            self.runs.append(1)
        return picture * np.float32("nan") if picture[0, 0].min() > 0.99 else picture + np.float32(0.01)


@pytest.fixture
def clips(project, monkeypatch):
    """Two small clips, a project whose chain holds a network that counts, and nothing enhanced yet."""
    monkeypatch.setitem(STEPS, "fake", FakeNetwork)
    monkeypatch.setattr(FakeNetwork, "runs", [])
    project.change(teacher={"chain": "with_network", "chains": {"with_network": [*FITTED, {"fake": {}}]}})
    make_clip(project.paths, "a", FRAMES[:2])
    make_clip(project.paths, "b", FRAMES[2:])
    return project


def enhance(project):
    """How many frames a run of the stage computed."""
    log = project.paths.logs / "teacher.jsonl"
    before = len(json_lines(log)) if log.exists() else 0
    teacher(project.paths, project.params)
    return len(json_lines(log)) - before


def test_every_frame_has_its_picture_of_the_same_name_at_target_size(clips):
    assert enhance(clips) == 4
    chain = build_chain(clips.params.teacher, geometry=clips.params.geometry)
    for clip in find_clips(clips.paths.raw):
        stems = [path.stem for path in find_frames(clip)]
        assert [path.stem for path in find_frames(clips.paths.teacher / clip.name)] == stems
        for frame in find_frames(clip):
            picture = read_frame(clips.paths.teacher / clip.name / frame.name)
            np.testing.assert_array_equal(picture, chain.enhance(read_frame(frame)).frame)
        recipe = read_json(clips.paths.teacher / clip.name / "chain.json", made_by="teacher")
        assert set(recipe.pop("frames")) == set(stems)
        assert recipe == chain.recipe() | {"kept_out": {}}


def test_a_second_run_computes_nothing_and_writes_no_picture_again(clips):
    enhance(clips)
    before = {path: path.stat().st_mtime_ns for path in clips.paths.teacher.rglob("*.png")}
    assert enhance(clips) == 0
    assert {path: path.stat().st_mtime_ns for path in clips.paths.teacher.rglob("*.png")} == before


def test_only_what_changed_is_computed_again(clips):
    enhance(clips)
    pictures = clips.paths.teacher
    write_frame(clips.paths.raw / "a" / "000000.png", FRAMES[3])
    assert enhance(clips) == 1
    (pictures / "a" / "000001.png").unlink()
    assert enhance(clips) == 1
    (pictures / "b" / "000000.png").write_bytes(b"damaged")
    assert enhance(clips) == 1
    assert read_frame(pictures / "b" / "000000.png").shape == (128, 160, 3)
    shutil.rmtree(pictures)
    assert enhance(clips) == 4


def test_a_clone_that_pulled_the_pictures_computes_only_what_is_new(clips, capsys):
    enhance(clips)
    shutil.rmtree(clips.paths.logs)
    make_clip(clips.paths, "c", FRAMES[:1])
    teacher(clips.paths, clips.params)
    assert "1 computed, 4 up to date" in capsys.readouterr().out


def test_other_parameters_compute_every_frame_again(clips):
    enhance(clips)
    clips.change(teacher={"chains": {"with_network": [*FITTED, {"fake": {}}, {"unsharp": {"amount": 0.3}}]}})
    assert enhance(clips) == 4
    clips.change(geometry={"width": 120, "height": 96})
    assert enhance(clips) == 4
    assert read_frame(clips.paths.teacher / "a" / "000000.png").shape == (96, 120, 3)


def test_a_change_of_the_last_step_does_not_run_the_networks_again(clips):
    enhance(clips)
    assert len(FakeNetwork.runs) == 4
    clips.change(teacher={"chains": {"with_network": [*FITTED, {"fake": {}}, {"unsharp": {"amount": 0.3}}]}})
    assert enhance(clips) == 4
    assert len(FakeNetwork.runs) == 4


def test_a_frame_that_only_its_decoder_refuses_fails_by_name_after_the_others_are_done(clips, capsys):
    (clips.paths.raw / "a" / "000001.png").write_bytes(undecodable(FRAMES[1]))
    with pytest.raises(
        SharpcamError, match=r"1 of 4 frames failed: .*a/000001\.png is a broken PNG file.*Convert or remove"
    ):
        teacher(clips.paths, clips.params)
    assert "3 computed" in capsys.readouterr().out
    assert len(list(clips.paths.teacher.rglob("*.png"))) == 3
    write_frame(clips.paths.raw / "a" / "000001.png", FRAMES[1])
    assert enhance(clips) == 1


def test_a_broken_first_frame_does_not_stop_the_rest(clips):
    (clips.paths.raw / "a" / "000000.png").write_bytes(undecodable(FRAMES[0]))
    with pytest.raises(SharpcamError, match="1 of 4 frames failed"):
        teacher(clips.paths, clips.params)
    assert len(list(clips.paths.teacher.rglob("*.png"))) == 3


def test_a_frame_on_which_the_network_fails_is_kept_out_of_training(clips, capsys):
    bad = FRAMES[0].copy()
    bad[:, :8] = 255
    write_frame(clips.paths.raw / "a" / "000000.png", bad)
    enhance(clips)
    assert "1 kept out by the guard, 0 failed" in capsys.readouterr().out
    recipe = read_json(clips.paths.teacher / "a" / "chain.json", made_by="teacher")
    assert recipe["kept_out"] == {"000000": ["fake: not finite"]}
    assert read_frame(clips.paths.teacher / "a" / "000000.png").shape == (128, 160, 3)
    split(clips.paths, clips.params)
    manifest = read_json(clips.paths.split, made_by="split")
    assert (manifest["training"] | manifest["validation"])["a"] == ["000001"]
    assert enhance(clips) == 0
    recipe = read_json(clips.paths.teacher / "a" / "chain.json", made_by="teacher")
    assert recipe["kept_out"] == {"000000": ["fake: not finite"]}


def test_what_is_gone_from_the_recordings_goes(clips):
    enhance(clips)
    shutil.rmtree(clips.paths.raw / "b")
    (clips.paths.raw / "a" / "000001.png").unlink()
    assert enhance(clips) == 0
    assert [str(path.relative_to(clips.paths.teacher)) for path in sorted(clips.paths.teacher.rglob("*.png"))] == [
        "a/000000.png"
    ]


def test_without_clips_the_stage_says_what_to_run(project):
    with pytest.raises(SharpcamError, match=r'There is no clip in .*raw. Run "dvc repro capture" first'):
        teacher(project.paths, project.params)


def test_an_estimate_is_given_before_the_first_frame(clips, capsys):
    teacher(clips.paths, clips.params)
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith('teacher: 4 frames through the chain "with_network", about ')
    assert (in_hours(0.0123), in_hours(2e-5), in_hours(0)) == ("0.012 s", "less than 0.01 s", "0 s")
    assert in_hours(30) == "30 s"
    assert in_hours(130) == "2 min"
    assert (in_gigabytes(1.23e9), in_gigabytes(130e9), in_gigabytes(5e3)) == ("1.2 GB", "130 GB", "less than 0.01 GB")
    assert in_hours(600) == "10 min"
    assert in_hours(36000) == "10.0 h"


def test_a_line_of_the_log_that_a_kill_cut_off_is_computed_again(clips, capsys):
    enhance(clips)
    for recipe in clips.paths.teacher.glob("*/chain.json"):
        recipe.unlink()  # written last: a kill leaves none
    log = clips.paths.logs / "teacher.jsonl"
    log.write_bytes(log.read_bytes()[:-30])
    teacher(clips.paths, clips.params)
    assert "1 computed, 3 up to date" in capsys.readouterr().out
    teacher(clips.paths, clips.params)
    assert "0 computed, 4 up to date" in capsys.readouterr().out


def test_kills_at_random_moments_end_with_the_files_of_an_unbroken_run(project, tmp_path):
    unbroken = tiny_project(tmp_path / "unbroken")
    for each in (project, unbroken):
        each.change(geometry={"width": 320, "height": 256})
        for clip in ("a", "b"):
            make_clip(each.paths, clip, [photo(120, 160, seed=seed) for seed in range(12)])
    teacher(unbroken.paths, unbroken.params)
    log, dice = project.paths.logs / "teacher.jsonl", random.Random(0)
    done = 0
    for _ in range(3):
        process = project.start("pipeline.teacher")
        done += dice.randint(1, 5)
        until(lambda p=process, n=done: p.poll() is not None or (log.exists() and log.read_bytes().count(b"\n") >= n))
        kill(process)
        done = log.read_bytes().count(b"\n")
    assert done < 24, "the kills came too late"
    teacher(project.paths, project.params)
    assert tree(project.paths.teacher) == tree(unbroken.paths.teacher)
    assert len(log.read_bytes().splitlines()) <= 24 + 3  # a kill costs at most the frame in work
    assert len({line["frame"] for line in json_lines(log)}) == 24


def test_a_full_cache_does_not_fail_the_stage(clips):
    clips.change(teacher={"cache_gb": 0})
    assert enhance(clips) == 4


def test_a_second_stage_is_refused_while_the_first_works(project):
    project.change(geometry={"width": 640, "height": 512})
    make_clip(project.paths, "a", [photo(240, 320, seed=seed) for seed in range(12)])
    first = project.start("pipeline.teacher")
    until(lambda: first.poll() is not None or list(project.paths.teacher.glob("a/*.png")))
    second = project.run("pipeline.teacher")
    assert first.poll() is None, "the first ended too soon to tell"
    kill(first)
    assert second.returncode == 1
    assert f'sharpcam: The stage "teacher" already runs as process {first.pid}' in second.stderr
