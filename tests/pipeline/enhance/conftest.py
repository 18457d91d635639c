"""A student to enhance with, and a folder to do it in."""

import pytest
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
