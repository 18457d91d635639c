"""Whole clips, or blocks of one in time, never single frames; refusals name the file."""

import cv2
import numpy as np
import pytest
from making import make_clip, photo, tree

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import write_frame
from pipeline.core.params import SplitParams
from pipeline.split import assign, cut_in_time, split

PICTURE = photo(128, 160)
FRAME = photo(60, 80)


def clips_of(**lengths):
    return {name: [f"{index:06d}" for index in range(length)] for name, length in lengths.items()}


def count(part):
    return sum(len(stems) for stems in part.values())


def add_clip(project, name, frames, *, kept_out=()):
    """A clip with its teacher pictures."""
    make_clip(project.paths, name, [FRAME] * frames)
    for index in range(frames):
        write_frame(project.paths.teacher / name / f"{index:06d}.png", PICTURE)
    recipe = {"kept_out": {stem: ["net: black"] for stem in kept_out}}
    write_json(project.paths.teacher / name / "chain.json", recipe)


def splitted(project):
    split(project.paths, project.params)
    manifest = read_json(project.paths.split, made_by="split")
    return manifest["training"], manifest["validation"]


@pytest.mark.parametrize("seed", range(5))
def test_every_clip_is_in_one_part_whole(seed):
    clips = clips_of(**{f"c{index}": 10 for index in range(20)})
    training, validation = assign(clips, share=0.1, seed=seed)
    assert training.keys() & validation.keys() == set()
    assert training | validation == clips
    assert count(validation) == 20


@pytest.mark.parametrize("lengths", [{"a": 5, "b": 5}, {"a": 500, "b": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 9, "b": 90}])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.9, 0.99])
def test_both_parts_hold_a_clip_whatever_the_share(lengths, share):
    training, validation = assign(clips_of(**lengths), share=share, seed=1)
    assert training
    assert validation


def test_the_same_seed_gives_the_same_parts_and_seeds_differ():
    clips = clips_of(**{f"c{index}": 10 for index in range(20)})
    parts = [sorted(assign(clips, share=0.1, seed=seed)[1]) for seed in range(8)]
    assert parts == [sorted(assign(dict(reversed(clips.items())), share=0.1, seed=seed)[1]) for seed in range(8)]
    assert len({tuple(part) for part in parts}) > 3


def test_one_clip_is_cut_in_time_with_a_gap():
    stems = clips_of(a=100)["a"]
    training, validation = cut_in_time("a", stems, params=SplitParams(validation_share=0.1, gap_frames=7))
    assert validation == {"a": stems[90:]}
    assert training == {"a": stems[:83]}


def test_one_clip_too_short_for_two_parts_is_refused_by_name():
    with pytest.raises(SharpcamError, match=r"a has 11 usable frames, too few for two parts with a gap of 10."):
        cut_in_time("a", clips_of(a=11)["a"], params=SplitParams(validation_share=0.1, gap_frames=10))


def test_the_stage_writes_whole_clips(project):
    for name in ("a", "b", "c", "d"):
        add_clip(project, name, 2)
    training, validation = splitted(project)
    assert training | validation == clips_of(a=2, b=2, c=2, d=2)
    assert len(validation) == 1


def test_the_stage_cuts_a_lone_clip_in_time(project):
    add_clip(project, "a", 8)
    assert splitted(project) == ({"a": [f"{i:06d}" for i in range(5)]}, {"a": ["000006", "000007"]})


def test_the_same_input_gives_the_same_bytes(project):
    for name in ("a", "b", "c"):
        add_clip(project, name, 2)
    splitted(project)
    before = project.paths.split.read_bytes()
    splitted(project)
    assert project.paths.split.read_bytes() == before


def test_frames_that_the_guard_kept_out_are_in_no_part(project):
    add_clip(project, "a", 3, kept_out=["000001"])
    add_clip(project, "b", 2)
    add_clip(project, "c", 1, kept_out=["000000"])
    training, validation = splitted(project)
    assert training | validation == {"a": ["000000", "000002"], "b": ["000000", "000001"]}


def test_no_usable_frame_says_how_to_record(project):
    with pytest.raises(SharpcamError, match=r"No clip has a frame that can be used. Record one"):
        splitted(project)


def refused(project, *words):
    """The stage refuses with these words, and leaves everything as it was."""
    project.paths.split.parent.mkdir(exist_ok=True)
    project.paths.split.write_text("{}")
    before = tree(project.root / "data")
    with pytest.raises(SharpcamError) as caught:
        split(project.paths, project.params)
    assert all(word in str(caught.value) for word in words), caught.value
    assert tree(project.root / "data") == before


def test_a_raw_frame_without_its_picture_is_named(project):
    add_clip(project, "a", 3)
    (project.paths.teacher / "a" / "000001.png").unlink()
    refused(project, "raw/a/000001.png has no teacher picture", 'Run "dvc repro teacher"')


def test_a_picture_without_its_raw_frame_is_named(project):
    add_clip(project, "a", 3)
    (project.paths.raw / "a" / "000001.png").unlink()
    refused(project, "teacher/a/000001.png has no raw frame", 'Run "dvc repro teacher"')


def test_a_clip_without_any_picture_is_named(project):
    make_clip(project.paths, "a", [FRAME])
    refused(project, "raw/a/000000.png has no teacher picture")


def test_a_raw_frame_of_another_size_is_named(project):
    add_clip(project, "a", 3)
    write_frame(project.paths.raw / "a" / "000002.png", photo(60, 82))
    refused(project, "raw/a/000002.png is 82x60", "is 80x60", "Remove it")


def test_a_picture_of_another_size_than_the_target_is_named(project):
    add_clip(project, "a", 3)
    write_frame(project.paths.teacher / "a" / "000001.png", photo(128, 164))
    refused(project, "teacher/a/000001.png is 164x128, the target is 160x128", 'Run "dvc repro teacher"')


def test_a_file_that_is_no_png_is_named(project):
    add_clip(project, "a", 3)
    (project.paths.raw / "a" / "000001.png").write_text("a text")
    refused(project, "raw/a/000001.png is not a PNG file")


def test_clips_of_different_sizes_go_together(project):
    add_clip(project, "a", 2)
    add_clip(project, "b", 2)
    for index in range(2):
        write_frame(project.paths.raw / "b" / f"{index:06d}.png", np.asarray(cv2.resize(FRAME, (96, 72))))
    training, validation = splitted(project)
    assert count(training) == count(validation) == 2


def test_the_stage_in_a_shell_is_one_sentence_and_a_failure(project):
    add_clip(project, "a", 3)
    (project.paths.teacher / "a" / "000001.png").unlink()
    answer = project.run("pipeline.split")
    assert answer.returncode == 1
    (sentence,) = answer.stderr.splitlines()
    assert sentence.startswith("sharpcam: data/raw/a/000001.png has no teacher picture")


def test_of_a_long_and_a_short_clip_the_short_one_judges():
    clips = {"box": [f"{index:06d}" for index in range(100)], "cup": [f"{index:06d}" for index in range(50)]}
    for seed in range(5):
        training, validation = assign(clips, share=0.1, seed=seed)
        assert (list(training), list(validation)) == (["box"], ["cup"])


def test_clips_that_are_left_out_are_in_no_part_and_are_not_checked(project):
    for name in ("a", "b", "c"):
        add_clip(project, name, 2)
    (project.paths.teacher / "b" / "000001.png").unlink()
    project.change(split={"leave_out": ["b"]})
    training, validation = splitted(project)
    assert training | validation == clips_of(a=2, c=2)


def test_a_clip_left_out_that_does_not_exist_is_named(project):
    add_clip(project, "a", 8)
    project.change(split={"leave_out": ["desk"]})
    refused(project, 'split.leave_out names "desk"', "Remove the name")


@pytest.mark.parametrize("content", ["[]", "3", "{}", '{"kept_out": 3}', '{"kept_out": ["000000"]}', "", "[" * 100_000])
def test_a_recipe_of_another_shape_is_named(project, content):
    add_clip(project, "a", 3)
    (project.paths.teacher / "a" / "chain.json").write_text(content)
    refused(project, "teacher/a/chain.json", "dvc repro")
