"""The page Parameters: what is edited is judged by the types, and saved without losing anything."""

import json

import pytest
from making import ROOT
from streamlit.testing.v1 import AppTest

from app.parameters.fields import fields, known_words
from pipeline.core.params import load_params

PAGE = ROOT / "app/pages/parameters.py"
EPOCHS = "param:train.epochs"


def run_page():
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    return page


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception


def words(page):
    return "\n".join(each.value for each in [*page.error, *page.warning, *page.markdown, *page.caption])


def test_every_parameter_has_a_field_with_its_comment_and_limits(project):
    (project.root / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (project.root / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    page = run_page()
    assert page.number_input(key=EPOCHS).value == load_params(project.paths.params).train.epochs
    assert page.selectbox(key="param:train.model").value == "student_m"
    assert page.number_input(key="param:capture.camera.gain").value is None
    crop = page.number_input(key="param:train.crop_px")
    assert crop.label == "Crop size (pixels)"
    assert crop.help == "train.crop_px in params.yaml: side of a crop at the student's input size"
    assert "Twice the side takes four times as long. At least 8, a multiple of 2." in words(page)
    assert "# the noise is taken away" in page.text_area(key="param:teacher.chains").value


def test_a_change_shows_what_it_makes_stale_and_is_saved_with_the_comments(versioned):
    original = versioned.paths.params.read_text()
    versioned.paths.params.write_text(original.replace("gap_frames: 1", "gap_frames: 1 # a comment"))
    page = run_page()
    assert "All results so far were made with these parameters." in words(page)
    page.number_input(key="param:split.gap_frames").set_value(5).run()
    assert "**Stale with these parameters:** split." in words(page)
    assert page.dataframe[0].value["parameter"].tolist() == ["split.gap_frames (not saved)"]
    page.number_input(key="param:capture.demo.frames").set_value(4).run()
    assert "**Stale with these parameters:** capture, split; teacher may have to follow." in words(page)
    assert "gap_frames: 1 # a comment" in versioned.paths.params.read_text()
    press(page, "Save")
    saved = versioned.paths.params.read_text()
    assert "gap_frames: 5 # a comment" in saved
    params = load_params(versioned.paths.params)
    assert (params.split.gap_frames, params.capture.demo.frames) == (5, 4)
    assert "Not saved yet" not in words(page)


def test_a_value_that_does_not_fit_is_refused_at_its_field_and_not_saved(versioned):
    before = versioned.paths.params.read_bytes()
    page = run_page()
    page.number_input(key="param:geometry.width").set_value(1281).run()
    page.number_input(key=EPOCHS).set_value(0).run()
    sentences = [error.value for error in page.error]
    assert "This cannot be saved" in sentences[0]
    assert "geometry: width and height must be multiples of 4 (twice the scale)" in sentences
    assert "train.epochs: Input should be greater than 0 (found 0)" in sentences
    save = next(button for button in page.button if button.label == "Save")
    assert save.disabled
    page.text_area(key="param:teacher.chains").set_value("light: [").run()
    assert "teacher.chains is not valid YAML" in page.error[0].value
    press(page, "Discard")
    assert not page.error
    assert page.number_input(key=EPOCHS).value == load_params(versioned.paths.params).train.epochs
    assert versioned.paths.params.read_bytes() == before


def test_a_preset_fills_in_the_form_and_saves_nothing(versioned):
    before = versioned.paths.params.read_bytes()
    page = run_page()
    press(page, "Quick look")
    assert page.number_input(key="param:train.crops_per_epoch").value == 320
    assert "`train.crops_per_epoch`" in words(page)
    assert versioned.paths.params.read_bytes() == before
    press(page, "Save")
    assert load_params(versioned.paths.params).train.crops_per_epoch == 320


def test_what_an_editor_changed_meanwhile_is_taken_when_nothing_is_edited(versioned):
    page = run_page()
    versioned.change(train={"epochs": 5})
    page.run()
    assert page.number_input(key=EPOCHS).value == 5
    assert not page.warning


@pytest.mark.parametrize(("button", "seed"), [("Reapply my changes", 99), ("Discard my changes", 7)])
def test_what_an_editor_changed_meanwhile_is_never_lost(versioned, button, seed):
    page = run_page()
    page.number_input(key="param:seed").set_value(99).run()
    versioned.change(train={"epochs": 5})
    press(page, "Save")
    assert load_params(versioned.paths.params).seed == 7
    assert "changed meanwhile, by another tab or an editor (train.epochs)" in page.warning[0].value
    press(page, button)
    assert page.number_input(key=EPOCHS).value == 5
    assert page.number_input(key="param:seed").value == seed
    if seed == 99:
        press(page, "Save")
    params = load_params(versioned.paths.params)
    assert (params.seed, params.train.epochs) == (seed, 5)


def test_a_full_disk_is_a_sentence_and_what_was_edited_stays(project, full_disk):
    page = run_page()
    page.number_input(key="param:seed").set_value(99).run()
    press(page, "Save")
    assert "params.yaml is left as it was (No space left on device)" in page.error[0].value
    assert page.number_input(key="param:seed").value == 99
    assert "**Not saved yet:** `seed`" in words(page)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [("epochs: 3", "epochs: many", "train.epochs: Input should be a valid integer"), ("seed: 7", "seed: [", "line ")],
)
def test_a_file_broken_by_hand_is_shown_with_its_line_and_mended_here(versioned, old, new, sentence):
    broken = versioned.paths.params.read_text().replace(old, new)
    versioned.paths.params.write_text(broken)
    page = run_page()
    assert sentence in page.error[0].value
    assert "line " in page.error[0].value
    area = page.text_area[0]
    assert area.value == broken
    area.set_value(broken + "x: [").run()
    assert "Not yet" in page.warning[0].value
    assert versioned.paths.params.read_text() == broken
    page.text_area[0].set_value(broken.replace(new, old)).run()
    press(page, "Save")
    assert load_params(versioned.paths.params).train.epochs == 3
    assert not page.error


def test_a_broken_file_that_an_editor_changed_meanwhile_is_shown_as_it_is_now(project):
    project.paths.params.write_text("seed: [")
    page = run_page()
    page.text_area[0].set_value("seed: [8").run()
    project.paths.params.write_text("seed: [9")
    page.run()
    assert page.text_area[0].value == "seed: [9"


def test_without_the_file_it_says_where_to_run(project):
    project.paths.params.unlink()
    assert "No params.yaml here" in run_page().error[0].value


@pytest.mark.parametrize("content", ["stages: [", "stages: {capture: 3}", "<<<<<<< HEAD"])
def test_a_broken_lock_is_a_sentence_beside_the_form(versioned, content):
    (versioned.root / "dvc.lock").write_text(content)
    page = run_page()
    assert "dvc.lock is broken" in page.error[0].value
    page.number_input(key=EPOCHS).set_value(5).run()
    press(page, "Save")
    assert load_params(versioned.paths.params).train.epochs == 5


def test_what_a_change_will_cost_is_said_before_it_is_saved(versioned):
    durations = versioned.paths.logs / "durations.jsonl"
    took = {"capture": 100.0, "split": 20.0}
    lines = [{"stage": name, "started": 1.0, "seconds": took[name], "status": "done"} for name in took]
    durations.write_text("\n".join(json.dumps(line) for line in lines))
    page = run_page()
    page.number_input(key="param:split.gap_frames").set_value(5).run()
    assert "Duration of a run: about 20 s." in words(page)
    page.number_input(key="param:capture.demo.frames").set_value(4).run()
    assert "Duration of a run: about 2 min; teacher has never finished on this machine" in words(page)


def test_every_parameter_has_a_name_and_a_meaning():
    text = (ROOT / "params.yaml").read_text()
    assert known_words().keys() == {field.key for field in fields(text)}
    assert all(title and means.endswith((".", "?")) for title, means in known_words().values())


def test_a_step_of_the_chain_is_switched_off_and_on_and_nothing_else_changes(project):
    original = (ROOT / "params.yaml").read_text()
    project.paths.params.write_text(original)
    page = run_page()
    page.toggle(key="step:bundled:1").set_value(False).run()
    press(page, "Save")
    off = original.replace("    - steady: {}\n", "    - steady:\n        enabled: false\n")
    assert project.paths.params.read_text() == off
    assert [name for name, _ in project.params.teacher.steps()] == ["crop", "restorer", "resize"]
    page.toggle(key="step:bundled:1").set_value(True).run()
    press(page, "Save")
    assert project.paths.params.read_text() == original


def test_a_model_to_start_from_is_chosen_or_typed(project):
    page = run_page()
    start = page.selectbox(key="param:train.start_from")
    assert {"bundled", "scratch"} <= set(start.options)
    assert start.value == "scratch"


def test_what_was_saved_can_be_run_from_here(versioned):
    page = run_page()
    assert not [button for button in page.button if button.key == "run"]
    page.number_input(key="param:split.gap_frames").set_value(5).run()
    assert not [button for button in page.button if button.key == "run"], "it is not saved yet"
    press(page, "Save")
    assert page.button(key="run").label == "Run the pipeline"
