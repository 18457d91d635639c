"""params.yaml is changed where it has to be and nowhere else; what does not fit is refused, and nothing is lost."""

import difflib
import shutil
import threading

import pytest
import yaml
from dvc.utils.serialize import modify_yaml
from making import ROOT

from app.parameters.fields import fields, section_comments
from app.parameters.file import ChangedMeanwhileError, as_yaml, change, problems, read_text, save, with_values
from app.parameters.presets import presets
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
        ("split.leave_out", ["desk", "über"]),
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
    assert "# views: one | same_view" in chains
    changed = with_values(TEXT, {"teacher.chains": chains.replace("sigma_px: 1.5", "sigma_px: 2.5")})
    assert [line.strip() for line in changed_lines(TEXT, changed)[1]] == ["- unsharp: {sigma_px: 2.5, amount: 1.0}"]


def test_a_parameter_that_was_never_written_down_is():
    without = "".join(line for line in TEXT.splitlines(keepends=True) if "leave_out" not in line)
    changed = with_values(without, {"split.leave_out": "[desk]"})
    assert changed_lines(without, changed) == ([], ["  leave_out: [desk]\n"])


def test_a_list_on_lines_of_its_own_is_replaced_whole():
    block = TEXT.replace("leave_out: []", "leave_out:\n    - a\n    - b")
    changed = with_values(block, {"split.leave_out": "[c]"})
    assert yaml.safe_load(changed) == yaml.safe_load(TEXT) | {
        "split": yaml.safe_load(TEXT)["split"] | {"leave_out": ["c"]}
    }


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


def test_dvc_changes_nothing_but_the_value_that_it_is_asked_to(tmp_path):
    """As `dvc exp run --set-param` does: params.yaml is in the form that DVC writes."""
    file = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", file)
    with modify_yaml(file) as content:
        content["train"]["epochs"] = 7
        content["capture"]["camera"]["exposure"] = -6
    before, after = ((ROOT / "params.yaml").read_text().splitlines(), file.read_text().splitlines())
    assert len(before) == len(after)
    assert [line for old, line in zip(before, after, strict=True) if old != line] == [
        "    exposure: -6 # in the driver's own units; null: automatic",
        "  epochs: 7",
    ]
