"""A page opens in a second only if it loads no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "module",
    ["app.server", "app.launch", "pipeline.tracking.client", "pipeline.student.runtime", "pipeline.core.params"],
)
def test_what_the_dashboard_imports_loads_neither_torch_nor_mlflow(module: str) -> None:
    code = f"import {module}, sys; print({{'torch', 'mlflow', 'pytorch_lightning'}} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
