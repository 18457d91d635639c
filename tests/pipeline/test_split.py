"""Whole clips, or blocks of one in time, never single frames; clips keep their side; refusals name the file."""

import sys

import cv2
import numpy as np
import pytest
import yaml
from making import ROOT, make_clip, photo, tree

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import write_frame
from pipeline.core.split_file import Rule, Split, read_split
from pipeline.split import NO_SPLIT, assign, cut_in_time, divide, split

PICTURE = photo(128, 160)
FRAME = photo(60, 80)


def clips_of(**lengths):
    return {name: [f"{index:06d}" for index in range(length)] for name, length in lengths.items()}


def rule_of(*, share=0.1, seed=7, gap=10):
    return Rule(seed=seed, validation_share=share, gap_frames=gap)


def assigned(clips, *, share, seed):
    return assign(clips, before=NO_SPLIT, rule=rule_of(share=share, seed=seed))


def divided(clips, *, demo=(), before=NO_SPLIT, **rule):
    """(training, validation) of clips of which those of the `demo` are of one camera; as a Split, so without a leak."""
    cameras = {name: "demo cameras" if name in demo else name for name in clips}
    training, validation = divide(clips, cameras, before=before, rule=rule_of(**rule))
    return Split(training=training, validation=validation)


def count(part):
    return sum(len(stems) for stems in part.values())


def add_clip(project, name, frames, *, kept_out=(), **known):
    """A clip with its teacher pictures."""
    make_clip(project.paths, name, [FRAME] * frames, **known)
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
    training, validation = assigned(clips, share=0.1, seed=seed)
    assert training.keys() & validation.keys() == set()
    assert training | validation == clips
    assert count(validation) == 20


@pytest.mark.parametrize("lengths", [{"a": 5, "b": 5}, {"a": 500, "b": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 9, "b": 90}])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.9, 0.99])
def test_both_parts_hold_a_clip_whatever_the_share(lengths, share):
    training, validation = assigned(clips_of(**lengths), share=share, seed=1)
    assert training
    assert validation


def test_the_same_seed_gives_the_same_parts_and_seeds_differ():
    clips = clips_of(**{f"c{index}": 10 for index in range(20)})
    parts = [sorted(assigned(clips, share=0.1, seed=seed)[1]) for seed in range(8)]
    assert parts == [sorted(assigned(dict(reversed(clips.items())), share=0.1, seed=seed)[1]) for seed in range(8)]
    assert len({tuple(part) for part in parts}) > 3


def test_one_clip_is_cut_in_time_with_a_gap():
    stems = clips_of(a=100)["a"]
    assert cut_in_time(stems, rule_of(gap=7)) == (stems[:83], stems[90:])
    assert cut_in_time(stems[:13], rule_of()) == (stems[:1], stems[11:13])
    assert cut_in_time(stems[:12], rule_of()) is None


DEMO = {f"demo-{index:02d}": 10 for index in range(9)} | {"demo-real": 10}


def test_the_demo_is_divided_as_it_always_was():
    assert divided(clips_of(**DEMO), demo=DEMO).validation == clips_of(**{"demo-08": 10})


def test_every_camera_gives_a_share_of_its_own_and_adding_one_changes_no_other():
    clips = clips_of(**DEMO, desk=100, cup=40)
    found = divided(clips, demo=DEMO)
    assert {name: len(stems) for name, stems in found.validation.items()} == {"demo-08": 10, "desk": 10, "cup": 4}
    assert {name: len(found.training[name]) for name in ("desk", "cup")} == {"desk": 80, "cup": 26}
    before = divided(clips_of(**DEMO), demo=DEMO)
    assert before.training.items() <= found.training.items()
    assert before.validation.items() <= found.validation.items()


@pytest.mark.parametrize("seed", range(4))
def test_clips_keep_their_side_when_others_come_and_go(seed):
    names = {f"demo-{index:02d}": 10 for index in range(20)}
    before = divided(clips_of(**names), demo=names, seed=seed)
    more = names | {f"demo-{index:02d}": 10 for index in range(20, 60)}
    fewer = {name: frames for name, frames in names.items() if name != min(before.training)}
    for changed in (more, fewer):
        now = divided(clips_of(**changed), demo=changed, before=before, seed=seed)
        assert before.training.keys() & changed.keys() <= now.training.keys()
        assert before.validation.keys() <= now.validation.keys()
        assert count(now.validation) == pytest.approx(0.1 * count(clips_of(**changed)), abs=5)


def test_a_cut_stays_where_it_was_when_frames_of_the_clip_go():
    stems = clips_of(desk=100)["desk"]
    before = divided({"desk": stems})
    fewer = [stem for stem in stems if stem not in ("000003", "000085", "000093")]
    now = divided({"desk": fewer}, before=before)
    assert set(now.validation["desk"]) == set(before.validation["desk"]) - {"000093"}
    assert set(now.training["desk"]) == set(before.training["desk"]) - {"000003"}


@pytest.mark.parametrize("side", ["training", "validation"])
def test_where_one_side_would_be_empty_the_camera_is_divided_once_more(side):
    clips, other = clips_of(a=10, b=10, c=10), clips_of(gone=10)
    parts = {"training": clips, "validation": other}
    before = Split(**parts if side == "training" else dict(zip(parts, reversed(parts.values()), strict=True)))
    now = divided(clips, demo=clips, before=before)
    assert now.training | now.validation == clips


def test_clips_too_short_to_be_cut_validate_whole_or_train():
    found = divided(clips_of(desk=100, still=1))
    assert (list(found.training), list(found.validation)) == (["desk", "still"], ["desk"])
    found = divided(clips_of(desk=100, mug=8, still=1, pen=9))
    assert count(found.validation) > 10
    assert found.validation.keys() < {"desk", "mug", "still", "pen"}


@pytest.mark.parametrize("frames", [{"a": 11}, {"a": 12}, {"a": 11, "b": 1}, {"a": 1, "b": 1}], ids=str)
def test_a_short_or_single_frame_clip_is_never_all_of_the_validation(project, frames):
    project.change(split={"gap_frames": 10, "validation_share": 0.1})
    for name, number in frames.items():
        add_clip(project, name, number)
    refused(project, f"a has {frames['a']} usable frames, too few for two parts with a gap of 10")


def test_the_split_before_holds_until_its_parameters_change(project):
    for index in range(8):
        add_clip(project, f"demo-{index}", 2, source="demo")
    _, before = splitted(project)
    for index in range(8, 16):
        add_clip(project, f"demo-{index}", 2, source="demo")
    _, after = splitted(project)
    assert before.keys() < after.keys()
    project.change(split={"validation_share": 0.1})
    assert count(splitted(project)[1]) == 4


ADD_AND_SPLIT = """
import shutil
from dvc.repo import Repo

repo = Repo.init(no_scm=True)
repo.reproduce("split")
shutil.copyfile("data/split.json", "first.json")
for folder in ("raw", "teacher"):
    shutil.move(f"more/{folder}/new-0", f"data/{folder}/new-0")
    shutil.move(f"more/{folder}/new-1", f"data/{folder}/new-1")
repo.reproduce("split")
"""


def test_dvc_leaves_the_split_before_to_the_next_one(project):
    """It would delete it before the stage runs, unless it persists: a first split with the new clips is another."""
    for name in ("a", "b", "c", "new-0", "new-1"):
        add_clip(project, name, 4, source="demo")
    for folder in (project.paths.raw, project.paths.teacher):
        for name in ("new-0", "new-1"):
            (project.root / "more" / folder.name).mkdir(parents=True, exist_ok=True)
            (folder / name).rename(project.root / "more" / folder.name / name)
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["split"]
    stage |= {"cmd": f"{sys.executable} -m pipeline.split", "deps": ["data/raw", "data/teacher"]}
    (project.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"split": stage}}))
    answer = project.call(sys.executable, "-c", ADD_AND_SPLIT)
    assert answer.returncode == 0, answer.stderr
    first, now = (read_json(path, made_by="split") for path in (project.root / "first.json", project.paths.split))
    assert first["training"].items() <= now["training"].items()
    assert first["validation"].items() <= now["validation"].items()
    project.paths.split.unlink()
    assert splitted(project)[1].keys() != now["validation"].keys()


def test_a_split_without_its_rule_is_made_once_more(project):
    for name in ("a", "b"):
        add_clip(project, name, 2)
    training, validation = splitted(project)
    write_json(project.paths.split, {"training": validation, "validation": training})
    assert splitted(project) == (training, validation)
    assert read_split(project.paths).rule == Rule(seed=7, validation_share=0.25, gap_frames=1)


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


def test_among_whole_clips_of_one_camera_the_short_one_validates():
    for seed in range(5):
        training, validation = assigned(clips_of(box=100, cup=50), share=0.1, seed=seed)
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
