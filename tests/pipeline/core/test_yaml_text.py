"""YAML that is nested thousands deep, or no text at all, is one sentence at every door."""

import pytest

from app import dvc_files
from app.parameters import yaml_text
from pipeline.core import provenance
from pipeline.core.errors import SharpcamError
from pipeline.core.params import load_params
from pipeline.pretrain.recipe import load_recipe

DEEP = {"lists": "[" * 50_000, "closed lists": "[" * 5000 + "]" * 5000, "tables": "{a: " * 5000 + "}" * 5000}
BROKEN = {name: text.encode() for name, text in DEEP.items()} | {"no UTF-8": b"seed: \xff\xfe", "zeros": b"\0" * 64}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_broken_yaml_is_one_sentence(project, content):
    for name in ("params.yaml", "dvc.lock", "dvc.yaml", "recipe.yaml"):
        (project.root / name).write_bytes(content)
    for reader in (
        lambda: load_params(project.paths.params),
        lambda: load_recipe(project.root / "recipe.yaml"),
        lambda: dvc_files.last_runs(project.paths),
        lambda: dvc_files.recipes(project.paths),
        lambda: provenance.data_versions(project.root),
    ):
        with pytest.raises(SharpcamError, match=r"(params|recipe)\.yaml|dvc\.(lock|yaml)"):
            reader()


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_a_person_types_into_the_page_parameters_may_be_anything(text):
    for reader in (yaml_text.parse, yaml_text.entries):
        with pytest.raises(yaml_text.yaml.YAMLError):
            reader(text)


@pytest.mark.parametrize(
    "content", [b"[]", b"3", b"stages: []", b"stages: {a: {outs: 3}}", b"stages: {a: {outs: [{}]}}"]
)
def test_a_lock_of_another_shape_is_one_sentence(project, content):
    (project.root / "dvc.lock").write_bytes(content)
    if content == b"[]":
        assert provenance.data_versions(project.root) == {}
        return
    with pytest.raises(SharpcamError, match=r"dvc\.lock is broken"):
        provenance.data_versions(project.root)
