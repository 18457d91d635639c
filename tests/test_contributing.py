"""What contributors are given: hooks and a container that run what `make check` and `make setup` do; servers for CI."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from making import ROOT

BIN = Path(sys.executable).parent
MAKEFILE = (ROOT / "Makefile").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile."""
    return re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1].replace("\t", "").splitlines()


def command(hook: dict[str, object]) -> str:
    """What a hook runs, without the shell that spells out its files."""
    entry = str(hook["entry"])
    return (found[1] if (found := re.fullmatch(r"bash -c '(.*)'", entry)) else entry).removeprefix(".venv/bin/")


def test_hooks_run_what_make_check_runs_by_programs_that_set_up_installs():
    assert {command(hook) for hook in HOOKS} == {line for line in recipe("check") if line != "pip check"}
    assert all((BIN / command(hook).split()[0]).exists() for hook in HOOKS)
    assert len({hook["id"] for hook in HOOKS}) == len(HOOKS)
    assert all(hook["language"] == "system" and hook["pass_filenames"] is False for hook in HOOKS)


def test_a_hook_finds_what_is_wrong(tmp_path):
    (tmp_path / ".venv").symlink_to(BIN.parent)
    (tmp_path / "wrong.py").write_text("import os\n")
    entry = next(str(hook["entry"]) for hook in HOOKS if hook["id"] == "ruff-check")
    found = subprocess.run(entry.split(), cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 1
    assert "F401" in found.stdout


def test_the_container_has_a_python_that_sharpcam_runs_on_and_sets_it_up():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    lowest, beyond = (int(minor) for minor in re.findall(r"3\.(\d+)", wanted))
    assert lowest <= int(re.search(r"python:3\.(\d+)$", container["image"])[1]) < beyond
    assert container["postCreateCommand"] == "make setup"
    assert recipe(re.escape("$(VENV)/.installed"))
    assert ".venv/bin:" in container["remoteEnv"]["PATH"]


@pytest.mark.parametrize("status", [0, 100])
def test_servers_for_the_team_test_are_asked_of_apt_and_missing_ones_fail_nothing(tmp_path, status):
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexit {status}\n')
    apt.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHARPCAM_CADDY": str(tmp_path / "none")}
    answer = subprocess.run([ROOT / ".ci/servers"], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0
    asked = (tmp_path / "asked").read_text()
    assert ("postgresql caddy" in asked) == (status == 0)
    assert answer.stdout.endswith("were installed\n" if status == 0 else "tests/test_team.py is skipped\n")
