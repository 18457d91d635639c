"""A chain is told the dials of a clip, and reads a lone picture by itself."""

import numpy as np
import pytest
from dialled_restorer import write_dialled_restorer
from making import brightness_estimator, photo

from benchmarks.cameras.methods import teacher
from pipeline.student.dials import Dials

FRAMES = [photo(64, 80, seed=seed) // 3 for seed in range(3)]
CHAINS = {"mine": [{"crop": {}}, {"restorer": {}}, {"resize": {}}], "plain": [{"crop": {}}, {"resize": {}}]}


@pytest.fixture
def here(project):
    project.change(teacher={"chain": "mine", "device": "cpu", "precision": "fp32", "chains": CHAINS})
    project.paths.bundled.mkdir(parents=True, exist_ok=True)
    write_dialled_restorer(project.paths.bundled / "restorer.safetensors")
    project.paths.estimator.write_bytes(brightness_estimator(sure=1e6))
    return project


@pytest.fixture
def method(here, monkeypatch):
    monkeypatch.setattr("pipeline.teacher.network_steps.chosen_backend", lambda *_, **__: "torch-fp32")
    return teacher("mine", here.params, here.paths)


def test_a_clip_sets_the_dials_of_the_chain_and_a_lone_picture_none(method):
    whole, lone = method.begin(FRAMES), method.begin(FRAMES[:1])
    assert whole.dials == Dials(*[pytest.approx(np.mean(FRAMES) / 255, abs=0.02)] * 4)
    assert lone.dials == ()
    assert whole.enhance(FRAMES[0]).shape == (128, 160, 3)
    assert (whole.enhance(FRAMES[0]) != lone.enhance(FRAMES[0])).any()


def test_without_steps_that_take_dials_or_an_estimator_none_are_read(method, here):
    assert teacher("plain", here.params, here.paths).begin(FRAMES).dials == ()
    here.paths.estimator.unlink()
    assert teacher("mine", here.params, here.paths).begin(FRAMES).dials == ()
