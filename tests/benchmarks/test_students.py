"""The table of the students: counted by hand, one row for each way to run them, in one run."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from making import ROOT
from torch import nn

from app.models.front import pareto
from benchmarks.contestants import count
from benchmarks.students import main
from benchmarks.timing import Job, in_own_process, timed
from pipeline.core.files import read_json
from pipeline.export.build import to_onnx


class Plain(nn.Module):
    """Two convolutions, the second at half the rate: 3*5*9 + 5 and 5*12*1 + 12 parameters."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3, padding=1)
        self.second = nn.Conv2d(5, 12, 1)

    def forward(self, x):
        return torch.nn.functional.pixel_shuffle(self.second(torch.relu(self.first(x))), 2)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    file = tmp_path_factory.mktemp("peer") / "plain.onnx"
    file.write_bytes(to_onnx(Plain(), opset=18))
    return file


def test_parameters_and_multiplications_are_those_counted_by_hand(plain):
    parameters, macs = count(plain, (40, 20))
    assert macs == 40 * 20 * (3 * 5 * 9 + 5 * 12)
    assert parameters == 3 * 5 * 9 + 5 + 5 * 12 + 12


def test_the_front_holds_what_nothing_beats_in_both():
    points = [{"ms": ms, "psnr": psnr} for ms, psnr in [(1, 30), (2, 29), (3, 33), (3, 32), (9, 33), (10, 34)]]
    assert pareto(points) == [points[0], points[2], points[5]]


def test_a_network_takes_longer_than_nothing_and_as_many_runs_as_asked(plain):
    timing = timed(Job("onnxruntime-fp32", str(plain), 64, 48, threads=1, runs=5))
    assert timing.runs == 5
    assert 0 < timing.median_ms <= timing.p95_ms


def test_what_fails_in_its_own_process_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="not a model that ONNX Runtime can run"):
        in_own_process(Job("onnxruntime-fp32", str(tmp_path / "none.onnx"), 64, 48, threads=1, runs=1))


def test_a_process_that_is_timed_loads_no_torch():
    code = "import sys, benchmarks.timing; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.slow
def test_one_run_writes_table_plot_and_json(recorded, exported_once, plain, monkeypatch):
    recorded.paths.contract.parent.mkdir()
    for file in exported_once.parent.glob("student_sr*"):
        shutil.copy(file, recorded.paths.contract.parent)
    assert main(["--size", "32x32", "--runs", "3", "--frames", "2", "--threads", "1", "--peer", str(plain)]) == 0
    report = read_json(recorded.root / "metrics/benchmark.json", made_by="bench")
    rows = {(row["name"], row["engine"]): row for row in report["rows"]}
    family = {"student_s", "student_m", "student_l"}  # nothing is bundled here
    untrained = family | {f"{name}_clean" for name in family}
    names = {"student_sr", "student_original", "plain", "bicubic", "lanczos", *untrained}
    assert {name for name, _ in rows} == names
    assert {engine for name, engine in rows if name == "student_sr"} >= {"onnxruntime-int8", "openvino-int8"}
    assert rows["student_original", "onnxruntime-fp32"]["times_faster"] == 1
    assert all(row["quality"] == {} for row in report["rows"] if row["name"] in {"student_original", *untrained})
    for name, engine in (("student_sr", "openvino-int8"), ("plain", "openvino-fp32"), ("bicubic", "opencv")):
        assert {"psnr", "ssim"} <= rows[name, engine]["quality"]["truth"].keys()
    page = (recorded.root / "docs/benchmark.md").read_text()
    assert all(f"| {name} |" in page for name in names)
    assert (recorded.root / "docs/benchmark.png").stat().st_size > 10_000
    assert json.dumps(report)


def test_a_peer_that_is_not_there_is_said(recorded, capsys):
    assert main(["--peer", "none.onnx"]) == 1
    assert "No peer at none.onnx" in capsys.readouterr().err
