"""A project whose data DVC has versioned: one version in a commit, one that only the cache knows, one in dvc.lock.

What a page has asked DVC in the background ends with its test, and so does the page's place as the main module. The
dashboard is this machine's alone, so that everybody is an operator.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
import yaml
from making import Project, photo
from streamlit import config

from app import changed_files
from pipeline.core.clip_hashes import HASHES
from pipeline.core.frames import write_frame

STAGES = {
    "capture": {
        "cmd": "true",
        "params": ["seed", "capture"],
        "outs": [{"data/raw": {"persist": True}}, {"data/truth": {"persist": True}}],
    },
    "teacher": {
        "cmd": "true",
        "deps": ["data/raw"],
        "params": ["teacher"],
        "outs": [{"data/teacher": {"persist": True}}],
    },
    "split": {
        "cmd": "true",
        "deps": ["data/teacher"],
        "params": ["split"],
        "outs": [{"data/split.json": {"cache": False, "persist": True}}],
    },
}

config.set_option("server.address", "127.0.0.1")  # as app.launch has it
config.set_option("server.fileWatcherType", "none")


@pytest.fixture(autouse=True)
def _main_is_pytest_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest puts its script there, which a later test's forked process would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def _no_question_is_left() -> Iterator[None]:
    yield
    while changed_files._checks:
        _, process = changed_files._checks.popitem()
        process.kill()
        process.wait()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """The dashboard is one that others reach; `shared(text)` makes that the text of its secrets.toml."""
    file = tmp_path / "secrets.toml"
    before = {name: config.get_option(name) for name in ("server.address", "secrets.files")}
    config.set_option("server.address", "0.0.0.0")
    config.set_option("secrets.files", [str(file)])

    def write(text: str) -> None:
        file.write_text(text)
        st.secrets._reset()

    yield write
    for name, value in before.items():
        config.set_option(name, value)
    st.secrets._reset()


MAKE_VERSIONS = """
import shutil, subprocess
from pathlib import Path
from dvc.repo import Repo

repo = Repo.init()
first, second, *_ = sorted(Path("data/raw").glob("*/*.png"))
with repo:
    repo.reproduce(force=True)
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "the first recordings"],
        check=True,
    )
    for source in (second, Path("data/other.png")):
        shutil.copy(source, first)
        repo.reproduce(force=True)
"""


@pytest.fixture(scope="session")
def versioned_once(recorded_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Only read it, or take `versioned`. One process makes it, as importing DVC takes seconds."""
    project = Project(tmp_path_factory.mktemp("versioned") / "project")
    shutil.copytree(recorded_once.root, project.root)
    (project.paths.raw / "demo-00" / HASHES).unlink()  # one of its frames is changed on purpose
    (project.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    (project.root / ".gitignore").write_text("/data\n/.cache\n/logs\n")
    write_frame(project.root / "data/other.png", photo(60, 80, seed=2))
    answer = project.call(sys.executable, "-c", MAKE_VERSIONS)
    assert answer.returncode == 0, answer.stderr
    return project


@pytest.fixture
def versioned(versioned_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of the test's own with three versions of data/raw."""
    project = Project(tmp_path / "project")
    shutil.copytree(versioned_once.root, project.root)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.root / 'mlflow.db'}")
    return project
