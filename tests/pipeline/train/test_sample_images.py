"""A training's pictures: the same place of the same frames, at a few epochs and at the best one."""

import cv2
import numpy as np
import torch
from making import photo

from pipeline.core.frames import read_frame
from pipeline.tracking.past_runs import all_runs, pictures
from pipeline.tracking.run import start_run
from pipeline.train.sample_images import EPOCHS_SHOWN, FRAMES, SIDE_PX, Pictures, cut


def test_a_trained_run_has_pictures_of_a_few_frames(trained_once, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained_once.root / 'mlflow.db'}")
    (run,) = all_runs(trained_once.paths)
    found = pictures(run, trained_once.paths)
    assert len(found) == FRAMES
    for name, files in found.items():
        assert list(files) == ["best", "bicubic", "epoch-0000", "epoch-0001", "epoch-0002", "teacher"]
        clip, _, stem = name.rpartition("-")
        teacher = read_frame(trained_once.paths.teacher / clip / f"{stem}.png")
        np.testing.assert_array_equal(read_frame(files["teacher"]), teacher)  # smaller than what is cut out
        assert read_frame(files["best"]).shape == teacher.shape


def test_what_is_cut_out_is_the_same_place_in_both():
    target = photo(480, 640)
    small = np.asarray(cv2.resize(target, (320, 240), interpolation=cv2.INTER_AREA))
    inside, outside = cut(small, target)
    assert outside.shape == (SIDE_PX, SIDE_PX, 3)
    np.testing.assert_array_equal(inside, cv2.resize(outside, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def test_a_long_training_shows_a_few_epochs(project, with_database):
    run = start_run(name="student_s", params={})
    model = torch.nn.Conv2d(3, 3, 1)
    shown = Pictures(run, {"desk-000001": (photo(16, 16), photo(32, 32))}, project.root / "tmp", epochs=100)
    for epoch in range(100):
        shown.log_epoch(model, epoch)
    (found,) = pictures(all_runs(project.paths)[0], project.paths).values()
    assert len(found) == 100 // 9 + 1 <= EPOCHS_SHOWN
    assert list(found)[:2] == ["epoch-0000", "epoch-0009"]
