"""The NAF networks against what the official classes made of random weights and pictures (fixtures/cases.json)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training.models import MODELS
from training.models.local_mean import ChannelMean

FIXTURES = Path(__file__).parent / "fixtures"
CASES = json.loads((FIXTURES / "cases.json").read_text())["cases"]


def arrays(name):
    with np.load(FIXTURES / name) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param] | {"name": request.param}


@pytest.fixture
def model(case):
    model = MODELS[case["model"]](**case["arguments"])
    keys = model.load_state_dict(arrays(case["weights"]), strict=case["unused_keys"] == 0)
    assert not keys.missing_keys
    assert len(keys.unexpected_keys) == case["unused_keys"]
    return model.eval()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_official_output_is_reproduced(model, case, layout):
    known = arrays(f"case_{case['name']}.npz")
    with torch.inference_mode():
        output = model.to(memory_format=layout)(known["input"].contiguous(memory_format=layout))
    torch.testing.assert_close(output, known["output"], atol=2e-5, rtol=0)


def test_the_windows_are_those_of_the_official_converter(model, case):
    windows = {
        name: list(module.window_px)
        for name, module in model.named_modules()
        if isinstance(module, ChannelMean) and module.window_px is not None
    }
    assert windows == case["windows"]
