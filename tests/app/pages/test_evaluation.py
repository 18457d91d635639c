"""The evaluation page in its empty, normal and broken states."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.frames import write_frame

PAGE = Path(__file__).parents[3] / "app/pages/evaluation.py"
SCORES = {"psnr": 31.5, "ssim": 0.91, "l1": 0.02}
EVALUATION = {
    "methods": {"student": {"teacher": SCORES}, "bicubic": {"teacher": {**SCORES, "psnr": 29.0}}},
    "frames": 10,
    "gate": {"passed": True},
    "verdict": ["The student is 2.50 dB above Bicubic against the teacher: it passes the gate.", "There is no truth."],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "metrics").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not page.exception
    return page


@pytest.mark.usefixtures("project")
def test_a_fresh_clone_is_told_what_to_do() -> None:
    assert "make run" in run_page().info[0].value


def test_an_evaluation_is_shown_with_its_verdict_and_numbers(project: Path) -> None:
    (project / "metrics/evaluation.json").write_text(json.dumps(EVALUATION))
    speed = {"median_ms": {"student": 20.0, "bicubic": 2.0}}
    (project / "metrics/speed.json").write_text(json.dumps(speed))
    (project / "training_logs").mkdir()
    (project / "training_logs/training_log.csv").write_text(
        "epoch,train_loss,train_psnr,val_loss,val_psnr\n0,0.1,20.0,0.1,21.0\n"
    )
    write_frame(project / "metrics/samples/000000.png", np.zeros((8, 8, 3), np.uint8))
    page = run_page()
    assert page.success[0].value == EVALUATION["verdict"][0]
    assert page.dataframe[0].value["PSNR (dB)"].tolist() == [31.5, 29.0]
    assert [metric.value for metric in page.metric] == ["20.0 ms", "2.0 ms"]


@pytest.mark.parametrize("content", ["no JSON", "{}", "[]", '{"methods": 3}'])
def test_a_broken_evaluation_is_one_sentence(project: Path, content: str) -> None:
    (project / "metrics/evaluation.json").write_text(content)
    page = run_page()
    assert "dvc repro evaluate" in [*page.error, *page.info][0].value
