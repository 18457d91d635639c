"""Weights and recipe travel together, and nothing else is taken for them."""

import json

import pytest
import torch
from safetensors.torch import save_file

from training import checkpoints
from training.models.restorer import Restorer

RECIPE = {"model": "restorer", "arguments": {"width": 8, "blocks": [1, 1]}, "note": "for tests"}


@pytest.fixture(params=["restorer.safetensors", "restorer.pth"])
def saved(tmp_path, request):
    torch.manual_seed(0)
    model = Restorer(width=8, blocks=(1, 1))
    torch.nn.init.normal_(model.ending.weight)
    checkpoints.save(tmp_path / "some" / request.param, model, RECIPE)
    return tmp_path / "some" / request.param, model


def test_a_loaded_model_gives_the_same_picture_and_recipe(saved):
    path, model = saved
    loaded, recipe = checkpoints.load(path)
    frames = torch.rand(1, 3, 9, 7)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(frames), model(frames), atol=0, rtol=0)
    assert recipe == RECIPE
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_half_precision_halves_the_file_and_loads_as_fp32(saved, tmp_path):
    path, model = saved
    checkpoints.save(tmp_path / path.name, model, RECIPE, dtype=torch.float16)
    loaded, _ = checkpoints.load(tmp_path / path.name)
    assert next(loaded.parameters()).dtype == torch.float32
    assert (tmp_path / path.name).stat().st_size < 0.7 * path.stat().st_size


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoints.load(tmp_path / "none.safetensors")


class Danger:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('danger').touch()",)


def broken_files(folder):
    yield "not safetensors", b"<html>not found</html>"
    yield "empty", b""
    torch.save({"code": Danger()}, folder / "a")
    yield "a pickle with code in it", (folder / "a").read_bytes()
    torch.save({"weights": {}}, folder / "a")
    yield "a torch file without recipe", (folder / "a").read_bytes()
    save_file({"x": torch.zeros(1)}, folder / "a")
    yield "no recipe", (folder / "a").read_bytes()
    for words, recipe in {
        "not a table": [1],
        "unknown model": {**RECIPE, "model": "other"},
        "other arguments": {**RECIPE, "arguments": {"depth": 1}},
        "other weights": RECIPE,
    }.items():
        save_file({"x": torch.zeros(1)}, folder / "a", metadata={"recipe": json.dumps(recipe)})
        yield words, (folder / "a").read_bytes()


def test_what_is_no_checkpoint_of_ours_is_refused(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, _ = saved
    files = {**dict(broken_files(tmp_path)), "truncated": path.read_bytes()[:-100]}
    for words, content in files.items():
        broken = tmp_path / f"{words}.pth"
        broken.write_bytes(content)
        with pytest.raises(checkpoints.CheckpointError, match=words):
            checkpoints.load(broken)
    assert not (tmp_path / "danger").exists()


def test_the_same_weights_give_the_same_bytes(tmp_path):
    model = Restorer(width=8, blocks=(1, 1))
    for name in ("a.pth", "a.safetensors"):
        files = [tmp_path / folder / name for folder in ("one", "other")]
        for file in files:
            checkpoints.save(file, model, RECIPE)
        assert files[0].read_bytes() == files[1].read_bytes()


RECIPES = ["[]", '["model", "arguments"]', "3", "null", '"text"', "{}", '{"model": ["student_s"], "arguments": {}}']
RECIPES += ['{"model": "student_s", "arguments": ["dials"]}', '{"model": null, "arguments": {}}', "[" * 100_000, "{"]


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe[:45] for recipe in RECIPES])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_recipe_of_another_shape_is_one_sentence(tmp_path, recipe, suffix):
    file = tmp_path / f"a{suffix}"
    if suffix == ".pth":
        torch.save({"recipe": recipe, "weights": {"a": torch.zeros(1)}}, file)
    else:
        save_file({"a": torch.zeros(1)}, file, metadata={"recipe": recipe})
    for reader in (checkpoints.read, checkpoints.load):
        with pytest.raises(checkpoints.CheckpointError, match=f"a{suffix} does not hold weights of this project"):
            reader(file)


@pytest.mark.parametrize("content", [[], 3, {}, {"recipe": []}, {"recipe": "{}"}, {"weights": {}}], ids=str)
def test_a_torch_file_of_another_shape_is_one_sentence(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(checkpoints.CheckpointError, match=r"a\.pth does not hold weights"):
        checkpoints.load(tmp_path / "a.pth")


@pytest.mark.parametrize("weights", [[], 3, None, "text", {"a": 3}, {"a": [torch.zeros(1)]}], ids=str)
def test_weights_that_are_no_tensors_are_one_sentence(tmp_path, weights):
    recipe = json.dumps({"model": "student_s", "arguments": {}})
    torch.save({"recipe": recipe, "weights": weights}, tmp_path / "a.pth")
    with pytest.raises(checkpoints.CheckpointError, match=r"a\.pth does not hold weights"):
        checkpoints.load(tmp_path / "a.pth")
