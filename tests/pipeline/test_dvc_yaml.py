"""dvc.yaml names all code that a stage runs, and every parameter that can change what it writes."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from making import ROOT

from pipeline.core.params import Params, load_params

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
WITHOUT_EFFECT = {  # where a stage runs, on how much: no result depends on it
    "teacher.device",
    "teacher.executor",
    "teacher.ray",
    "teacher.cache_gb",
    "train.memory_gb",
    "train.devices",
    "train.num_nodes",
}
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for folder in ("pipeline", "training")
    for file in (ROOT / folder).rglob("*.py")
}


def imported(module: str) -> set[str]:
    """The modules of the project that one imports, wherever in its file, and the packages around it."""
    parts = module.split(".")
    found = {".".join(parts[:end]) for end in range(2, len(parts))}
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found & MODULES.keys() - {"pipeline", "training"}


def closure(module: str) -> set[str]:
    """All modules that are loaded with one."""
    found, waiting = set[str](), [module]
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting += imported(each)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_all_code_that_a_stage_runs_is_among_its_dependencies_and_no_other_folder(stage):
    command = f"pipeline.{stage}.__main__" if f"pipeline.{stage}.__main__" in MODULES else f"pipeline.{stage}"
    code = {MODULES[module].relative_to(ROOT) for module in closure(command)}
    named = {Path(name) for name in STAGES[stage]["deps"] if name.startswith(("pipeline", "training"))}
    assert not [str(file) for file in code if not named & {file, *file.parents}]
    assert not [str(name) for name in named if not any(name in (file, *file.parents) for file in code)]


@pytest.mark.parametrize("stage", STAGES)
def test_every_parameter_of_a_stage_is_named_or_known_to_have_no_effect(stage):
    params = load_params(ROOT / "params.yaml")
    named = set(STAGES[stage]["params"])
    keys = {f"{stage}.{key}" for key in type(getattr(params, stage)).model_fields}
    assert stage in named or keys - WITHOUT_EFFECT == named & keys
    assert {name.split(".")[0] for name in named} <= set(Params.model_fields)


def test_the_documented_commit_takes_all_that_dvc_leaves_to_git():
    """What is left out makes every clone run the stages behind it again."""
    documented = re.search(r"^git add ([^&\n]+)", (ROOT / "docs/experiments.md").read_text(), re.MULTILINE)[1]
    added = {Path(name) for name in documented.split()}
    kinds = [kind for stage in STAGES.values() for name in ("outs", "metrics", "plots") for kind in stage.get(name, [])]
    in_git = [
        Path(path)
        for kind in kinds
        if isinstance(kind, dict)
        for path, how in kind.items()
        if not how.get("cache", True)
    ]
    assert len(in_git) > 3
    assert not [path for path in [Path("dvc.lock"), *in_git] if not added & {path, *path.parents}]
