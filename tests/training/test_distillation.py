"""A student learns, each epoch is closed once, and the best weights are kept, not the last."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch
import torch.nn.functional as F
from making import photo

from training.distillation import Distillation, EveryEpoch, Schedule
from training.losses import l1
from training.metrics import psnr
from training.models import MODELS
from training.pairs import Clip, Crops, WholeFrames

CROPS = Crops(per_epoch=48, batch_size=8, side_px=16, scale=2)


def clip(frames=2, *, seed=0):
    """Targets are sharp pictures, inputs what is left of them at half the size: more than bilinear can be learned."""
    targets = torch.from_numpy(np.stack([photo(64, 80, seed=seed + index) for index in range(frames)]))
    halves = F.avg_pool2d(targets.permute(0, 3, 1, 2).float(), 2).round().byte()
    return Clip(halves.permute(0, 2, 3, 1).contiguous(), targets)


def fit(module, epochs):
    rows = []
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[EveryEpoch(lambda _: None, rows.append)],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
    )
    with warnings.catch_warnings():  # advice about workers, which tiny tensors do not need
        warnings.simplefilter("ignore")
        trainer.fit(module)
    return rows


def distillation(*, learning_rate=0.003, name="student_s", validation=None):
    torch.manual_seed(0)
    return Distillation(
        MODELS[name](), [clip()], validation or [clip()], CROPS, Schedule(learning_rate, warmup_share=0.05, seed=1)
    )


def judged(weights, clips):
    """Mean PSNR of whole frames, computed apart from the module."""
    model = MODELS["student_s"]().eval()
    model.load_state_dict(weights)
    with torch.inference_mode():
        values = [psnr(model(small[None]).clamp(0, 1), large[None]) for small, large in WholeFrames(clips)]
    return float(torch.cat(values).mean())


def test_a_student_overfits_one_tiny_clip():
    rows = fit(distillation(learning_rate=0.01), 25)
    assert [row["epoch"] for row in rows] == list(range(25))
    assert rows[-1]["val_psnr"] > rows[0]["val_psnr"] + 2
    assert rows[-1]["train_loss"] < 0.8 * rows[0]["train_loss"]


def test_the_same_seed_learns_the_same():
    first, again = (fit(distillation(), 2) for _ in range(2))
    assert first == again


def test_the_best_weights_are_kept_not_the_last():
    module = distillation(learning_rate=0.3)
    rows = fit(module, 3)
    values = [row["val_psnr"] for row in rows]
    assert max(values) > values[-1] + 0.1, "this training has to get worse for the test to tell"
    assert judged(module.best, [clip()]) == pytest.approx(max(values), abs=1e-3)
    assert judged(module.model.state_dict(), [clip()]) == pytest.approx(values[-1], abs=1e-3)


def test_validation_is_the_mean_over_whole_frames_of_all_clips():
    validation = [clip(1, seed=3), clip(2, seed=5)]
    module = distillation(validation=validation)
    (row,) = fit(module, 1)
    assert row["val_psnr"] == pytest.approx(judged(module.model.state_dict(), validation), abs=1e-4)
    assert module.history == [row]
    assert row.keys() == {"epoch", "train_loss", "train_psnr", "val_loss", "val_psnr"}


def test_the_rate_warms_up_and_then_falls_as_half_a_cosine():
    module = distillation()
    rates = [module._rate(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.2, abs=0.01)
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates.index(max(rates)) == 4
    assert all(later <= earlier for earlier, later in pairwise(rates[4:]))
    assert rates[100] == pytest.approx(0.01)
    assert module._rate(101, 100) > 0


def test_the_loss_is_the_mean_absolute_difference():
    a, b = torch.rand(2, 3, 5, 7), torch.rand(2, 3, 5, 7)
    assert float(l1(a, b)) == pytest.approx(float(np.abs(a.numpy() - b.numpy()).mean()), abs=1e-6)
