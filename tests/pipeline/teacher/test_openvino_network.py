"""OpenVINO gives what torch gives, at any size, and leaves the process as it was."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from dialled_restorer import dialled_restorer
from making import ROOT, photo

from pipeline.student.dials import Dials
from pipeline.teacher.backends import Torch
from pipeline.teacher.openvino_network import KEPT_SIZES, OpenVinoNetwork
from training.models import MODELS

SIGNALLED = """
import faulthandler, os, signal
faulthandler.enable()  # signals are handled on a stack of their own then, as under pytest
import torch
from pipeline.teacher.openvino_network import OpenVinoNetwork
network = OpenVinoNetwork(torch.nn.ConvTranspose2d(3, 3, 2, stride=2), precision="fp32")
for side in (16, 18, 20, 22):  # the first ones are let go
    network(torch.zeros(side, side, 3).numpy())
del network
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_networks_that_come_and_go_leave_signals_alone():
    done = subprocess.run([sys.executable, "-c", SIGNALLED], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.parametrize("estimator", [True, False])
def test_openvino_is_told_the_dials_or_reads_them_as_torch_does(estimator):
    model = dialled_restorer(estimator=estimator)
    network, expected = OpenVinoNetwork(model, precision="fp32"), Torch("fp32").start(model)
    picture = photo(61, 75).astype(np.float32) / 255
    settings = (None, Dials(0, 0, 0, 0), Dials(1, 0.8, 0.6, 0.4))
    for dials in settings:
        np.testing.assert_allclose(network(picture, dials), expected(picture, dials), atol=1e-4)
    answers = [network(picture, dials) for dials in settings]
    assert all(np.abs(one - other).max() > 0.003 for one, other in pairwise(answers))


@pytest.mark.parametrize("name", ["restorer", "srvgg"])
def test_openvino_gives_what_torch_gives_at_any_size_and_keeps_few_of_them(name):
    arguments = {"restorer": {"width": 8}, "srvgg": {"num_feat": 4, "num_conv": 1, "upscale": 4}}[name]
    torch.manual_seed(0)
    model = MODELS[name](**arguments).eval().requires_grad_(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    network = OpenVinoNetwork(model, precision="fp32")
    for height, width in ((36, 44), (61, 75), (33, 90), (61, 75)):
        picture = photo(height, width).astype(np.float32) / 255
        np.testing.assert_allclose(network(picture), Torch("fp32").start(model)(picture), atol=1e-5)
        assert len(network.requests) <= KEPT_SIZES
