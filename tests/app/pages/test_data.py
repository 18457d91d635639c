"""The page Data in its empty, normal and broken states."""

import errno

import pytest
from making import ROOT, make_clip, photo, until
from streamlit.testing.v1 import AppTest

from app.data.clips import deleted
from app.jobs import jobs
from pipeline.capture.stage import adopt
from pipeline.checks import check
from pipeline.cleanup import make_list
from pipeline.core.frames import write_frame
from pipeline.core.params import load_params
from pipeline.forecast import forecast

PAGE = ROOT / "app/pages/data.py"


def run_page(part="Clips"):
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    if part != "Clips":
        page.segmented_control(key="part").set_value(part)
        page.run()
    assert not page.exception
    return page


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception


def words(page):
    return "\n".join(each.value for each in [*page.error, *page.warning, *page.info, *page.markdown, *page.caption])


@pytest.fixture
def desk(versioned):
    """A clip of the user's own beside the demo."""
    make_clip(versioned.paths, "desk", [photo(60, 80, seed=seed) for seed in range(3)], fps_reached=10, size=[80, 60])
    return versioned


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("Clips", "There is no clip yet. Record your own camera"),
        ("Add a clip", ""),
        ("Versions", "DVC knows no version yet. Run the pipeline once"),
        ("Disk", ""),
    ],
)
def test_on_a_fresh_clone_each_part_says_what_to_do(project, part, sentence):
    assert sentence in words(run_page(part))


def test_clips_are_listed_with_what_is_known_of_them(desk):
    check(desk.paths)
    forecast(desk.paths)
    page = run_page()
    table = page.dataframe[0].value.set_index("clip")
    assert table.loc["desk", ["frames", "seconds", "source", "part", "checks"]].tolist() == [
        *(3, 0.3, "folder", "new", "count"),
    ]
    assert set(table["part"]) == {"new", "trains", "validates"}
    assert "The teacher has 4 of 12 frames to compute" in words(page)  # one frame of the demo was changed
    page.selectbox(key="data-clip").set_value("desk").run()
    assert "3 of 3 frames without a teacher picture" in page.warning[0].value
    assert "The teacher has not enhanced this frame yet." in words(page)
    page.slider(key="data-frame-desk").set_value(2).run()
    assert not page.exception


def test_a_clip_is_left_out_and_taken_in_again(desk):
    page = run_page()
    page.selectbox(key="data-clip").set_value("desk").run()
    press(page, "Leave out of training")
    assert load_params(desk.paths.params).split.leave_out == ["desk"]
    assert page.dataframe[0].value.set_index("clip").loc["desk", "part"] == "left out"
    press(page, "Take into training again")
    assert load_params(desk.paths.params).split.leave_out == []


@pytest.mark.parametrize(
    ("name", "sentence"), [("../evil", "cannot name a clip"), ("demo-00", "the clips of the demo")]
)
def test_a_bad_name_is_refused_in_a_sentence(desk, name, sentence):
    page = run_page()
    page.selectbox(key="data-clip").set_value("desk").run()
    page.text_input(key="data-rename-desk").set_value(name).run()
    press(page, "Rename it")
    assert sentence in page.error[0].value
    assert (desk.paths.raw / "desk").is_dir()


def test_what_capture_set_aside_is_shown_with_its_reason(desk):
    write_frame(desk.paths.inbox / "_x" / "000000.png", photo(60, 80))
    adopt(desk.paths)
    page = run_page()
    assert any("cannot name a clip. Use letters" in said.value for said in page.warning)
    assert [box.label for box in page.expander if "Set aside" in box.label] == ["Set aside (1)"]


def test_a_clip_is_renamed(desk):
    page = run_page()
    page.selectbox(key="data-clip").set_value("desk").run()
    page.text_input(key="data-rename-desk").set_value("table").run()
    press(page, "Rename it")
    assert "table" in page.dataframe[0].value["clip"].tolist()


def test_deleting_asks_twice_and_can_be_undone(desk):
    page = run_page()
    page.selectbox(key="data-clip").set_value("desk").run()
    press(page, "Delete")
    assert (desk.paths.raw / "desk").is_dir()
    press(page, "Delete it")
    assert not (desk.paths.raw / "desk").exists()
    assert [clip.name for clip in deleted(desk.paths)] == ["desk"]
    press(page, "Bring back desk")
    assert (desk.paths.raw / "desk/000002.png").exists()


def test_clips_of_the_demo_cannot_be_deleted(versioned):
    page = run_page()
    assert next(button for button in page.button if button.label == "Delete").disabled


def test_broken_files_are_sentences(desk):
    desk.paths.params.write_text("seed: [")
    (desk.paths.raw / "demo-00/000000.png").write_text("a text")
    (desk.paths.raw / "demo-00/clip.json").write_text("no JSON")
    (desk.paths.raw / "empty").mkdir()
    page = run_page()
    assert "params.yaml is not valid YAML" in page.warning[0].value
    assert "000000.png is not a PNG file" in page.error[0].value
    page.selectbox(key="data-clip").set_value("empty").run()
    assert "holds no frame" in words(page)
    press(page, "Leave out of training")
    assert "params.yaml is broken" in page.error[0].value
    assert desk.paths.params.read_text() == "seed: ["


def test_a_thumbnail_that_comes_while_the_page_is_drawn_swallows_no_click(desk, monkeypatch):
    page = run_page()
    waiting = iter([True])
    monkeypatch.setattr("app.data.thumbnails.find", lambda *_: ({}, next(waiting, False)))
    press(page, "Leave out of training")
    assert len(load_params(desk.paths.params).split.leave_out) == 1


def test_a_full_disk_is_a_sentence(desk, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.data.job_view.start", full)
    page = run_page()
    press(page, "Check the pairs")
    assert "No space left on device" in page.error[0].value


def test_the_checks_run_as_a_job(desk):
    page = run_page()
    press(page, "Check the pairs")
    until(lambda: jobs(desk.paths)[0].over)
    assert (jobs(desk.paths)[0].command, jobs(desk.paths)[0].state) == ("checks", "done")
    page.run()
    assert "not checked" not in page.dataframe[0].value["checks"].tolist()


def test_a_camera_that_is_not_there_is_recorded_in_a_job_that_says_so(project):
    page = run_page("Add a clip")
    page.radio[0].set_value("A camera on the server").run()
    page.text_input[0].set_value("../evil").run()
    press(page, "Record")
    assert "cannot name a clip" in page.error[0].value
    assert jobs(project.paths) == []
    page.text_input[0].set_value("desk").run()
    page.number_input[2].set_value(98).run()
    press(page, "Record")
    until(lambda: jobs(project.paths)[0].over)
    job = jobs(project.paths)[0]
    assert job.state == "failed"
    assert "No camera 98 answers" in job.tail()
    page.run()
    assert not page.exception


def test_versions_and_what_changed_are_shown(versioned):
    page = run_page("Versions")
    assert page.dataframe[0].value["data set"].tolist()[0] == "data/raw"
    assert page.dataframe[1].value.to_dict("records") == [{"clip": "demo-00", "added": 0, "removed": 0, "changed": 1}]
    (versioned.root / "dvc.lock").write_text("stages: [")
    page.run()
    assert "dvc.lock is broken" in page.error[0].value


def test_the_clean_up_shows_what_would_go_and_asks_twice(project):
    waste = project.paths.cache / "frames/a.npy"
    waste.parent.mkdir(parents=True)
    waste.write_bytes(bytes(2_000_000))
    make_list(project.paths)
    page = run_page("Disk")
    box = page.checkbox(key="clean-frames")
    assert box.label == "Decoded frames of an earlier sharpcam: 1 things, 2.0 MB"
    assert "frames/a.npy" in page.code[0].value
    box.check().run()
    press(page, "Remove")
    assert waste.exists()
    press(page, "Remove it for good")
    until(lambda: jobs(project.paths)[0].over)
    assert not waste.exists()


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"frames": 3}'])
def test_a_broken_list_of_the_clean_up_is_made_anew(project, text):
    project.paths.cache.mkdir(exist_ok=True)
    (project.paths.cache / "cleanup.json").write_text(text)
    page = run_page("Disk")
    assert any(button.label.startswith(("Find files", "Search")) for button in page.button)


def test_a_clone_whose_older_versions_are_elsewhere_is_greeted_without_a_warning(versioned):
    for listing in versioned.root.glob(".dvc/cache/files/md5/??/*.dir"):
        listing.unlink()
    page = run_page("Versions")
    assert not page.warning
    assert "no older version here to compare with. Those that commits name are not on this machine" in words(page)
