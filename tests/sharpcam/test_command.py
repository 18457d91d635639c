"""The one command: its table is readable, each entry answers, and a wrong name is met with the nearest one."""

import ast
import os
import re
import subprocess
import sys

import pytest
from making import ROOT

from pipeline import __version__
from sharpcam.command import BY_NAME, COMMANDS, main

COLUMNS = 80
HEAVY = {"torch", "mlflow", "streamlit", "cv2", "numpy", "pydantic"}


def ask(*words):
    """What a process answers in a terminal of so many columns."""
    environment = os.environ | {"COLUMNS": str(COLUMNS)}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("asked", [[], ["--help"], ["-h"], ["help"]])
def test_the_table_names_every_command_in_its_group_within_80_columns(asked, capsys):
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    assert named == list(BY_NAME)
    assert named[:3] == ["enhance", "live", "doctor"]
    column = max(map(len, named)) + 4
    assert all(f"  {name}".ljust(column) + BY_NAME[name].about in lines for name in named)
    assert all(f"{title}:" in lines for title in COMMANDS)


def test_the_table_loads_nothing_that_takes_long():
    code = "import sys; from sharpcam.command import main; main([]); print(*sys.modules, file=sys.stderr)"
    assert not HEAVY & set(ask("-c", code).stderr.split())


def test_its_version_is_the_package_s(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sharpcam {__version__}\n"


@pytest.mark.parametrize(
    ("name", "meant"), [("enhence", 'Did you mean "enhance"? '), ("eval", 'Did you mean "evaluate"? '), ("xyzzy", "")]
)
def test_an_unknown_command_is_one_sentence_and_status_2(name, meant, capsys):
    assert main([name]) == 2
    said = capsys.readouterr()
    assert said.err == f'sharpcam: There is no command "{name}". {meant}"sharpcam --help" lists all.\n'
    assert not said.out


@pytest.mark.parametrize("each", BY_NAME.values(), ids=BY_NAME)
def test_each_command_s_help_has_its_name_and_fits(each):
    said = ask("-m", "sharpcam", each.name, "--help")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(f"usage: sharpcam {each.name} ")
    assert max(map(len, said.stdout.splitlines())) <= COLUMNS
    assert "python -m" not in said.stdout


@pytest.mark.parametrize("module", ["pipeline.plot", "pipeline.split", "app.live"])
def test_a_module_called_by_itself_has_its_own_name(module):
    assert ask("-m", module, "--help").stdout.startswith(f"usage: python -m {module} ")


def test_arguments_and_the_status_are_the_module_s(tmp_path):
    said = ask("-m", "sharpcam", "plot", "--log-path", str(tmp_path / "none.csv"))
    assert said.returncode == 1
    assert f"No training log at {tmp_path / 'none.csv'}" in said.stderr


def test_every_command_of_pipeline_is_in_the_table():
    """Those with a command line that are not are helpers of a room, or of the dashboard."""
    modules = {
        file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__main__")
        for file in [*(ROOT / "pipeline").glob("*.py"), *(ROOT / "pipeline").glob("*/__main__.py")]
        if file.name != "__init__.py"
    }
    assert modules == {each.module for each in BY_NAME.values() if each.module.startswith("pipeline.")}


def test_parsers_are_made_in_one_place():
    for folder in ("app", "pipeline", "sharpcam"):
        for file in (ROOT / folder).rglob("*.py"):
            calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
            made = [call for call in calls if re.search(r"\bArgumentParser$", ast.unparse(call.func))]
            assert not made or file == ROOT / "pipeline/core/program.py", f"{file}: use command_parser"
