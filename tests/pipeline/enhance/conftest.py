"""A student to enhance with, and a folder to do it in."""

from pathlib import Path

import pytest
from albums import picture
from making import Project

from pipeline.enhance.upscaler import Upscaler, load_upscaler


@pytest.fixture(scope="session")
def upscaler(trained_once: Project) -> Upscaler:
    return load_upscaler(trained_once.paths.contract, engine="onnxruntime-fp32", threads=1)


@pytest.fixture
def at_student(trained_once: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The working folder is a project that has a student."""
    monkeypatch.chdir(trained_once.root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained_once.root / 'mlflow.db'}")
    return trained_once


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with pictures in a tree, a broken one, and a text."""
    folder = tmp_path / "album"
    for index, name in enumerate(("a.png", "deep/down/b.jpg", "deep/c.webp", "d.tif")):
        picture(folder / name, size=(20 + index, 30), seed=index)
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("no picture")
    return folder
