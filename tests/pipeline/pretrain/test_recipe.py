"""Every student has a recipe; what one gives the pool are frames fused as a stream is at run time."""

import shutil
from typing import get_args

import numpy as np
import pytest
import torch

from pipeline.core.errors import SharpcamError
from pipeline.core.params import TrainParams
from pipeline.pretrain.recipe import RECIPES, fused, load_recipe
from pipeline.student.calm import Calm
from training.models import MODELS

STUDENTS = {name for name in MODELS if name.startswith("student_")}


def test_every_student_of_the_table_can_be_trained():
    assert set(get_args(TrainParams.model_fields["model"].annotation)) == STUDENTS


@pytest.mark.parametrize("name", sorted(STUDENTS - {"student_original"}))
def test_every_student_that_may_ship_has_a_recipe_of_its_name(name):
    assert load_recipe(RECIPES / f"{name}.yaml").model == name


def test_a_recipe_says_only_what_differs_from_the_one_that_it_is_like(tmp_path):
    shutil.copy(RECIPES / "student_m.yaml", tmp_path)
    (tmp_path / "mine.yaml").write_text("like: student_m\nsteps: 7\n")
    assert load_recipe(tmp_path / "mine.yaml") == load_recipe(RECIPES / "student_m.yaml", steps=7)
    (tmp_path / "mine.yaml").write_text("like: student_q\nsteps: 7\n")
    with pytest.raises(SharpcamError, match=r"No recipe at .*student_q\.yaml"):
        load_recipe(tmp_path / "mine.yaml")


def test_fused_frames_are_those_of_a_stream_at_run_time():
    random = np.random.default_rng(0)
    frames = [np.clip(120 + random.normal(0, 8, (48, 64, 3)), 0, 255).astype(np.uint8) for _ in range(5)]
    stream = Calm(noise=0.7)
    expected = [stream.fuse(frame).copy() for frame in frames]
    clip = torch.stack([torch.from_numpy(frame).permute(2, 0, 1) for frame in frames])
    given = fused(clip, 0.7)
    for one, other in zip(given, expected, strict=True):
        assert np.array_equal(one.permute(1, 2, 0).numpy(), other)
    assert given[-1].float().std() < 0.8 * clip[-1].float().std()
