"""params.yaml is changed where it has to be and nowhere else; what does not fit is refused, and nothing is lost."""

import difflib
import runpy
import threading

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from making import ROOT

from app.parameters.chains import switched
from app.parameters.fields import fields, section_comments
from app.parameters.file import (
    ChangedMeanwhileError,
    change,
    problems,
    read_text,
    save,
    typed_as_yaml,
    with_values,
)
from app.parameters.presets import presets
from app.parameters.yaml_text import as_yaml
from pipeline.core.errors import SharpcamError
from pipeline.core.params import Params, load_params

TEXT = (ROOT / "params.yaml").read_text()


def changed_lines(before, after):
    """The lines that differ: (before, after)."""
    pairs = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return [line[2:] for line in pairs if line[0] == "-"], [line[2:] for line in pairs if line[0] == "+"]


def field(key, text=TEXT):
    return {each.key: each for each in fields(text)}[key]


def test_every_parameter_of_the_types_is_a_field():
    def keys(content, prefix=""):
        for name, value in content.items():
            nested = isinstance(value, dict) and f"{prefix}{name}" != "teacher.chains"
            yield from keys(value, f"{prefix}{name}.") if nested else [f"{prefix}{name}"]

    everything = Params.model_validate(yaml.safe_load(TEXT)).model_dump()
    assert sorted(each.key for each in fields(TEXT)) == sorted(keys(everything))


def test_a_field_has_the_kind_the_limits_and_the_comment_of_its_parameter():
    epochs, share, crop = field("train.epochs"), field("split.validation_share"), field("train.crop_px")
    assert (epochs.kind, epochs.limits) == ("whole", "above 0")
    assert (share.kind, share.limits) == ("number", "above 0, below 1")
    assert crop.limits == "at least 8, a multiple of 2"
    assert crop.comment == "side of a crop at the student's input size"
    assert field("geometry.fit").choices == ("crop", "stretch")
    assert set(field("teacher.chain").choices) == set(yaml.safe_load(TEXT)["teacher"]["chains"])
    assert field("capture.camera.gain").optional
    assert section_comments(TEXT)["geometry"] == "the picture that teacher and student produce"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.epochs", 9),
        ("train.learning_rate", 0.00001),
        ("capture.camera.exposure", -3.5),
        ("capture.clip", 'a "quoted": name # no comment'),
        ("capture.source", "0"),
        ("teacher.ray.workers", 3),
        ("capture.clip", "über"),
        ("seed", 0),
    ],
)
def test_only_the_value_changes_and_comments_stay(key, value, newline):
    text = TEXT.replace("# the picture", "# das Bild für").replace("\n", newline)
    changed = with_values(text, {key: as_yaml(value)})
    before, after = changed_lines(text, changed)
    assert len(before) == len(after) == 1
    assert before[0].partition("#")[2] == after[0].partition(" #")[2] or '"quoted"' in after[0]
    content = yaml.safe_load(changed)
    for name in key.split("."):
        content = content[name]
    assert content == value
    assert changed.count(newline) == text.count(newline)


def test_several_values_change_at_once():
    changed = with_values(TEXT, {"train.epochs": "9", "seed": "1", "train.model": "student_s"})
    assert len(changed_lines(TEXT, changed)[1]) == 3
    assert yaml.safe_load(changed)["train"] | {"epochs": 9, "model": "student_s"} == yaml.safe_load(changed)["train"]


def test_a_chain_is_changed_with_its_comments():
    chains = field("teacher.chains").value
    assert "# the noise is taken away" in chains
    typed = typed_as_yaml("teacher.chains", chains.replace("sigma_px: 1.5", "sigma_px: 2.5"))
    changed = with_values(TEXT, {"teacher.chains": typed})
    assert [line.strip() for line in changed_lines(TEXT, changed)[1]] == ["sigma_px: 2.5"]


def test_a_parameter_that_was_never_written_down_is():
    without = "".join(line for line in TEXT.splitlines(keepends=True) if "leave_out" not in line)
    changed = with_values(without, {"split.leave_out": "[desk]"})
    assert changed_lines(without, changed) == ([], ["  leave_out: [desk]\n"])
    changed = with_values(without, {"split.leave_out": as_yaml(["desk"])})
    assert changed_lines(without, changed) == ([], ["  leave_out:\n", "  - desk\n"])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_list_that_is_typed_on_one_line_is_written_on_lines_of_its_own_and_back(newline):
    text = TEXT.replace("\n", newline)
    typed = typed_as_yaml("split.leave_out", "[desk, b-c]")
    longer = with_values(text, {"split.leave_out": typed})
    assert changed_lines(text, longer) == (
        [f"  leave_out: [] # clips that are used neither for training nor for validation{newline}"],
        [
            f"  leave_out: # clips that are used neither for training nor for validation{newline}",
            f"  - desk{newline}",
            f"  - b-c{newline}",
        ],
    )
    assert field("split.leave_out", longer).value == "[desk, b-c]"
    shorter = with_values(longer, {"split.leave_out": as_yaml(["b-c"])})
    assert changed_lines(longer, shorter) == ([f"  - desk{newline}"], [])
    assert with_values(shorter, {"split.leave_out": as_yaml([])}) == text


def test_the_last_value_of_a_file_without_an_end_becomes_a_list():
    assert with_values("a:\n  b: []", {"a.b": "- c"}) == "a:\n  b:\n  - c"


def test_a_value_that_others_share_is_not_changed_behind_their_backs():
    shared = TEXT.replace("width: 1280", "width: &side 1280").replace("width: 640", "width: *side")
    with pytest.raises(SharpcamError, match="in an editor"):
        with_values(shared, {"capture.camera.width": "320"})


def test_a_piece_that_is_no_yaml_is_named():
    with pytest.raises(SharpcamError, match=r"teacher\.chains is not valid YAML"):
        with_values(TEXT, {"teacher.chains": "light: ["})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TEXT.replace("epochs: 6", "epochs: many"), "train.epochs: Input should be a valid integer"),
        (TEXT.replace("  epochs: 6", "  epoch: 6"), "train.epoch is an unknown key"),
        (TEXT.replace("seed: 7", "seed: ["), "line"),
        (TEXT.replace("seed: 7", "seed: 2020-45-45"), "month must be in 1..12"),
        ("", "valid dictionary"),
        ("just words", "valid dictionary"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, problem):
    found = [sentence for sentence in problems(text) if problem in sentence]
    assert found
    if "epoch" in problem:
        line = next(number for number, line in enumerate(text.splitlines(), start=1) if "  epoch" in line)
        assert found[0].startswith(f"line {line}: ")


def test_an_alias_of_itself_is_named():
    assert problems("seed: &x\n  y: *x\n") == ["a value in it contains itself"]


def test_a_file_with_a_byte_order_mark_is_changed_as_any_other(project):
    project.paths.params.write_text("\ufeff" + project.paths.params.read_text(), encoding="utf-8")
    change(project.paths, {"train.epochs": 9})
    assert project.params.train.epochs == 9


def test_what_does_not_fit_is_not_saved(project):
    before = project.paths.params.read_bytes()
    text = read_text(project.paths)
    with pytest.raises(SharpcamError, match=r"left as it was: line \d+: train.epochs"):
        save(project.paths, with_values(text, {"train.epochs": "-1"}), based_on=text)
    assert project.paths.params.read_bytes() == before


def test_what_another_tab_saved_is_not_overwritten(project):
    text = read_text(project.paths)
    project.change(train={"epochs": 5})
    theirs = project.paths.params.read_bytes()
    with pytest.raises(ChangedMeanwhileError):
        save(project.paths, with_values(text, {"seed": "1"}), based_on=text)
    assert project.paths.params.read_bytes() == theirs


def test_of_tabs_that_save_at_once_exactly_one_wins(project):
    text = read_text(project.paths)
    won = []

    def save_seed(seed):
        try:
            save(project.paths, with_values(text, {"seed": str(seed)}), based_on=text)
            won.append(seed)
        except ChangedMeanwhileError:
            pass

    tabs = [threading.Thread(target=save_seed, args=(100 + index,)) for index in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert won == [load_params(project.paths.params).seed]


def test_a_change_goes_on_top_of_what_the_file_says(project):
    project.change(train={"epochs": 5})
    change(project.paths, {"split.leave_out": ["desk"]})
    params = load_params(project.paths.params)
    assert (params.train.epochs, params.split.leave_out) == (5, ["desk"])


def test_a_full_disk_is_a_sentence_and_the_file_stays(project, full_disk):
    before = project.paths.params.read_bytes()
    with pytest.raises(SharpcamError, match=r"left as it was \(No space left on device\)\. Fix that and save again"):
        change(project.paths, {"seed": 1})
    assert project.paths.params.read_bytes() == before


def test_a_broken_file_is_not_changed(project):
    project.paths.params.write_text("seed: [")
    with pytest.raises(SharpcamError, match=r"broken: line \d"):
        change(project.paths, {"seed": 1})
    assert project.paths.params.read_text() == "seed: ["


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_a_sentence(project, content):
    project.paths.params.unlink()
    if content:
        project.paths.params.write_bytes(content)
    with pytest.raises(SharpcamError, match=r"params\.yaml"):
        read_text(project.paths)


@pytest.mark.parametrize("name", presets())
def test_a_preset_fits_the_types(name):
    changed = with_values(TEXT, {key: as_yaml(value) for key, value in presets()[name].values.items()})
    assert problems(changed) == []


def test_a_value_that_is_left_out_can_be_set():
    text = "camera:\n  exposure: # in the driver's units\n  gain:\n"
    assert with_values(text, {"camera.exposure": "-6", "camera.gain": "3"}) == (
        "camera:\n  exposure: -6 # in the driver's units\n  gain: 3\n"
    )


def overridden(text, file):
    """`text` after `dvc exp run -S train.epochs=7`."""
    file.write_text(text)
    apply_overrides(file, ["train.epochs=7"])
    return file.read_text()


def edit_on_the_page(key, typed):
    return lambda text: with_values(text, {key: typed_as_yaml(key, typed)})


def with_a_step_switched_off(text):
    return edit_on_the_page("teacher.chains", switched(field("teacher.chains", text).value, "bundled", 1))(text)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text,
        lambda text: with_values(text, {"split.leave_out": as_yaml(["desk", "a: b"])}),
        lambda text: with_values(text, {"capture.demo.cameras": as_yaml(["bare_sensor"])}),
        lambda text: with_values(text, {"train.learning_rate": as_yaml(1e-5)}),
        lambda text: with_values(text, {"capture.camera.gain": as_yaml(3), "teacher.ray.workers": as_yaml(2)}),
        lambda text: with_values(text, {"train.patience_epochs": as_yaml(4)}),
        lambda text: with_values(
            with_values(text, {"train.patience_epochs": "4"}), {"train.patience_epochs": as_yaml(None)}
        ),
        edit_on_the_page("capture.demo.cameras", "[webcam_mjpeg, bare_sensor]"),
        edit_on_the_page("teacher.chains", "bundled: [{crop: {}}, {unsharp: {sigma_px: 1.0, amount: 2}}]"),
        with_a_step_switched_off,
    ],
    ids=[
        "as it ships",
        "a list",
        "a shorter list",
        "a small number",
        "nulls",
        "an end",
        "null",
        "typed",
        "chains",
        "step",
    ],
)
def test_an_override_of_dvc_changes_one_line(edit, tmp_path):
    """`dvc exp run -S` reads and writes the whole file: params.yaml ships in its form, and the page keeps to it."""
    text = edit(TEXT)
    before, after = changed_lines(text, overridden(text, tmp_path / "params.yaml"))
    assert (before, after) == (["  epochs: 6\n"], ["  epochs: 7\n"])


def test_what_ci_reduces_keeps_the_form_of_dvc(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(TEXT)
    runpy.run_path(str(ROOT / ".ci/reduce.py"))
    reduced = (tmp_path / "params.yaml").read_text()
    before, after = changed_lines(TEXT, reduced)
    assert len(before) == len(after)
    assert 5 < len(after) < 15
    assert len(changed_lines(reduced, overridden(reduced, tmp_path / "params.yaml"))[1]) == 1
