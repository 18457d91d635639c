"""Clips are listed as they lie there; leaving out, renaming and deleting lose nothing, and can be undone."""

import shutil

import pytest
from filelock import FileLock
from making import Project, make_clip, photo, tree

from app.data.clips import all_clips, check_name, delete, deleted, parts, rename, restore, set_left_out, trash
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.frames import write_frame
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.split import split
from pipeline.teacher.stage import teacher

BAD_NAMES = ["../evil", "a/b", 'a"b', "a'b", "", ".hidden", "-x", "a b", "x" * 65, "a\n", "a\0"]


def clip_of(project, name):
    return next(clip for clip in all_clips(project.paths) if clip.name == name)


@pytest.fixture(scope="module")
def desk_once(recorded_once, tmp_path_factory):
    """A recording of the user's own beside the demo, enhanced by the teacher and split."""
    made = Project(tmp_path_factory.mktemp("desk") / "project")
    shutil.copytree(recorded_once.root, made.root)
    make_clip(made.paths, "desk", [photo(60, 80, seed=seed) for seed in range(3)], fps_reached=10, size=[80, 60])
    teacher(made.paths, made.params)
    split(made.paths, made.params)
    return made


@pytest.fixture
def desk(project, desk_once):
    shutil.copytree(desk_once.root, project.root, dirs_exist_ok=True)
    return project


def test_a_clip_has_its_length_source_and_part(desk):
    clips = {clip.name: clip for clip in all_clips(desk.paths)}
    assert (clips["desk"].seconds, clips["desk"].source, clips["desk"].size) == (0.3, "folder", "80x60")
    assert clips["demo-00"].simulated
    assert clips["demo-00"].source == "simulated camera"
    assert parts(desk.paths).keys() == clips.keys()


@pytest.mark.parametrize(
    ("known", "source", "seconds"),
    [
        ({"source": "video", "file": "a.mp4", "fps_reached": 25, "every": 5}, "video a.mp4", 0.2),
        ({"source": "camera", "index": 0, "fps_reached": 30}, "camera 0", pytest.approx(1 / 30)),
        ({"source": "camera", "fps_reached": None}, "camera", None),
    ],
)
def test_a_source_is_said_in_words(project, known, source, seconds):
    make_clip(project.paths, "desk", [photo(60, 80)], **known)
    assert (clip_of(project, "desk").source, clip_of(project, "desk").seconds) == (source, seconds)


@pytest.mark.parametrize("text", ["no JSON", "[]", "3"])
def test_a_clip_with_a_broken_note_is_listed_all_the_same(project, text):
    (make_clip(project.paths, "desk", [photo(60, 80)]) / "clip.json").write_text(text)
    assert (clip_of(project, "desk").source, clip_of(project, "desk").size) == ("unknown", "")


@pytest.mark.parametrize("known", [{"fps_reached": "fast"}, {"fps_reached": 10, "every": None}, {"size": 3}])
def test_a_note_with_odd_values_does_no_harm(project, known):
    make_clip(project.paths, "desk", [photo(60, 80)], **known)
    clip = clip_of(project, "desk")
    assert (clip.seconds, clip.size) == (None, "")


def test_what_is_broken_in_the_trash_is_passed_over(desk):
    delete(clip_of(desk, "desk"), desk.paths)
    for name, text in (("a", "no JSON"), ("b", "[]"), ("c", '{"name": "c", "when": 0, "homes": ["../.."]}')):
        (trash(desk.paths) / name).mkdir()
        (trash(desk.paths) / name / "deleted.json").write_text(text)
    assert [clip.name for clip in deleted(desk.paths)] == ["desk"]


def test_a_deletion_that_was_cut_off_is_undone_too(desk):
    before = tree(desk.paths.root / "data")
    delete(clip_of(desk, "desk"), desk.paths)
    (clip,) = deleted(desk.paths)
    (clip.folder / "teacher").rename(desk.paths.teacher / "desk")
    restore(clip, desk.paths)
    assert tree(desk.paths.root / "data") == before
    assert deleted(desk.paths) == []


def test_without_data_there_is_no_clip(project):
    assert all_clips(project.paths) == []
    assert parts(project.paths) == {}


def test_a_clip_that_is_left_out_neither_trains_nor_judges_until_it_is_taken_in_again(desk):
    set_left_out("desk", True, desk.paths)
    assert clip_of(desk, "desk").left_out
    split(desk.paths, desk.params)
    assert "desk" not in parts(desk.paths)
    set_left_out("desk", False, desk.paths)
    split(desk.paths, desk.params)
    assert "desk" in parts(desk.paths)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(SharpcamError, match="cannot name a clip"):
        check_name(name, Paths(tmp_path))


def test_a_clip_is_not_renamed_to_a_place_elsewhere(desk):
    before = tree(desk.root)
    with pytest.raises(SharpcamError, match="cannot name a clip"):
        rename(clip_of(desk, "desk"), "../evil", desk.paths)
    assert tree(desk.root) == before


def test_a_name_that_is_taken_is_refused(desk):
    (desk.paths.inbox / "cup").mkdir(parents=True)
    for name in ("desk", "cup"):
        with pytest.raises(SharpcamError, match=f'There is a clip "{name}" already'):
            check_name(name, desk.paths)


def test_a_renamed_clip_keeps_its_pictures_and_the_teacher_has_nothing_to_do(desk, capsys):
    set_left_out("desk", True, desk.paths)
    frames = tree(desk.paths.raw / "desk", desk.paths.teacher / "desk")
    rename(clip_of(desk, "desk"), "table", desk.paths)
    assert tree(desk.paths.raw / "table", desk.paths.teacher / "table") == {
        name.replace("desk", "table"): data for name, data in frames.items()
    }
    assert load_params(desk.paths.params).split.leave_out == ["table"]
    capsys.readouterr()
    teacher(desk.paths, desk.params)
    assert " 0 computed" in capsys.readouterr().out


def test_a_deleted_clip_comes_back_as_it_was(desk):
    before = tree(desk.root / "data")
    delete(clip_of(desk, "desk"), desk.paths)
    assert not [name for name in tree(desk.root / "data") if "desk" in name]
    (gone,) = deleted(desk.paths)
    assert gone.name == "desk"
    restore(gone, desk.paths)
    assert tree(desk.root / "data") == before
    assert deleted(desk.paths) == []


def test_a_clip_that_somebody_named_oddly_by_hand_comes_back_too(project):
    make_clip(project.paths, 'it\'s "odd" $(x)', [photo(60, 80)])
    before = tree(project.paths.root / "data")
    delete(all_clips(project.paths)[0], project.paths)
    (clip,) = deleted(project.paths)
    restore(clip, project.paths)
    assert tree(project.paths.root / "data") == before


def test_a_note_in_the_trash_leads_nowhere_else(project):
    gone = trash(project.paths) / "a"
    (gone / "raw").mkdir(parents=True)
    write_json(gone / "deleted.json", {"name": "../../evil", "when": 0, "homes": ["raw"]})
    (clip,) = deleted(project.paths)
    restore(clip, project.paths)
    assert (project.paths.raw / "evil").is_dir()


def test_a_deleted_clip_does_not_overwrite_one_of_its_name(desk):
    delete(clip_of(desk, "desk"), desk.paths)
    make_clip(desk.paths, "desk", [photo(60, 80, seed=9)])
    before = tree(desk.root / "data")
    with pytest.raises(SharpcamError, match='There is a clip "desk" already'):
        restore(deleted(desk.paths)[0], desk.paths)
    assert tree(desk.root / "data") == before
    assert len(deleted(desk.paths)) == 1


def test_a_clip_in_the_inbox_goes_without_the_one_of_its_name_in_raw(desk):
    write_frame(desk.paths.inbox / "desk" / "000000.png", photo(60, 80))
    write_json(desk.paths.inbox / "desk" / "clip.json", {"source": "camera"})
    found = {clip.waiting: clip for clip in all_clips(desk.paths) if clip.name == "desk"}
    recorded, waiting = found[False], found[True]
    delete(waiting, desk.paths)
    assert clip_of(desk, "desk").folder == recorded.folder


def test_clips_of_the_simulated_camera_are_neither_deleted_nor_renamed(desk):
    for action in (lambda clip: delete(clip, desk.paths), lambda clip: rename(clip, "other", desk.paths)):
        with pytest.raises(SharpcamError, match="made by the simulated camera"):
            action(clip_of(desk, "demo-00"))


def test_while_a_stage_runs_nothing_is_moved(desk):
    before = tree(desk.root / "data")
    with (
        FileLock(desk.paths.cache / "locks" / "teacher.lock"),
        pytest.raises(SharpcamError, match='The stage "teacher" runs'),
    ):
        delete(clip_of(desk, "desk"), desk.paths)
    assert tree(desk.root / "data") == before


def test_a_clip_that_went_meanwhile_is_a_sentence(desk):
    clip = clip_of(desk, "desk")
    delete(clip, desk.paths)
    with pytest.raises(SharpcamError, match='no clip "desk" any more'):
        delete(clip, desk.paths)
