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
from training.losses import frequency_l1, l1
from training.metrics import psnr
from training.models import MODELS
from training.pairs import Crops, Frames, Pairs, WholeFrames, to_picture

CROPS = Crops(per_epoch=48, batch_size=8, side_px=16, scale=2)


def clip(frames=2, *, seed=0):
    """Targets are sharp pictures, inputs what is left of them at half the size: more than bilinear can be learned."""
    targets = torch.from_numpy(np.stack([photo(64, 80, seed=seed + index) for index in range(frames)]))
    halves = F.avg_pool2d(targets.permute(0, 3, 1, 2).float(), 2).round().byte()
    return pairs(halves.permute(0, 2, 3, 1).contiguous(), targets)


def pairs(inputs, targets):
    slots = torch.arange(len(inputs))
    return Pairs(Frames(inputs, slots), Frames(targets, slots))


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


def distillation(*, learning_rate=0.003, name="student_s", validation=None, **schedule):
    torch.manual_seed(0)
    way = Schedule(learning_rate, warmup_share=0.05, final_rate_share=0.01, seed=1, **schedule)
    return Distillation(MODELS[name](), clip(), validation or clip(), CROPS, way)


def judged(weights, frames):
    """Mean PSNR of whole frames, computed apart from the module."""
    model = MODELS["student_s"]().eval()
    model.load_state_dict(weights)
    values = []
    with torch.inference_mode():
        for small, large in WholeFrames(frames):
            values.append(psnr(model(to_picture(small)).clamp(0, 1), to_picture(large)))
    return float(torch.cat(values).mean())


def test_a_student_overfits_one_tiny_clip():
    rows = fit(distillation(learning_rate=0.01, name="student_m"), 25)
    assert [row["epoch"] for row in rows] == list(range(25))
    assert rows[-1]["val_psnr"] > rows[0]["val_psnr"] + 2
    assert rows[-1]["train_loss"] < 0.8 * rows[0]["train_loss"]


def test_the_same_seed_learns_the_same():
    first, again = (fit(distillation(), 2) for _ in range(2))
    assert first == again


def test_the_best_weights_are_kept_not_the_last():
    module = distillation()
    module._rate = lambda step, _: 1 if step < CROPS.per_epoch // CROPS.batch_size else 100
    rows = fit(module, 3)
    values = [row["val_psnr"] for row in rows]
    assert max(values) > values[-1] + 0.1, "this training has to get worse for the test to tell"
    assert judged(module.best, clip()) == pytest.approx(max(values), abs=1e-3)
    assert judged(module.model.state_dict(), clip()) == pytest.approx(values[-1], abs=1e-3)


def test_validation_is_the_mean_over_whole_frames():
    validation = clip(3, seed=3)
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


def test_a_training_that_gets_no_better_ends_after_its_patience():
    module = distillation(patience_epochs=2)
    module._rate = lambda step, _: 1 if step < CROPS.per_epoch // CROPS.batch_size else 100
    rows = fit(module, 40)
    best = max(rows, key=lambda row: row["val_psnr"])
    assert len(rows) < 40
    assert rows[-1]["epoch"] == best["epoch"] + 2
    again = distillation(patience_epochs=2)
    again.history = list(rows)
    assert fit(again, 40) == [], "one that had ended early stays ended"


def test_spectra_of_equal_pictures_do_not_differ_and_noise_counts_as_in_l1():
    picture = torch.rand(2, 3, 32, 48)
    assert float(frequency_l1(picture, picture)) == 0
    noise = 0.1 * torch.randn(4, 3, 64, 64)
    expected = float(np.abs(np.fft.rfft2(noise.double().numpy(), norm="ortho").view(np.float64)).mean())
    assert float(frequency_l1(noise, torch.zeros_like(noise))) == pytest.approx(expected, rel=1e-4)


def test_a_student_with_dials_learns_to_answer_two_cameras_unlike():
    """The same frames have to become darker for one camera and brighter for the other: dials alone tell them apart."""
    inputs = torch.full((2, 32, 40, 3), 120, dtype=torch.uint8)
    targets = torch.stack([torch.full((64, 80, 3), level, dtype=torch.uint8) for level in (100, 140)])
    frames = pairs(inputs, targets)
    told = Pairs(frames.inputs, frames.targets, torch.tensor([[0.0] * 4, [1.0] * 4]))
    torch.manual_seed(0)
    way = Schedule(0.01, warmup_share=0.05, final_rate_share=0.01, seed=1)
    rows = fit(Distillation(MODELS["student_s"](dials=True), told, told, CROPS, way), 8)
    blind = fit(Distillation(MODELS["student_s"](dials=True), frames, frames, CROPS, way), 8)
    assert rows[-1]["val_psnr"] > blind[-1]["val_psnr"] + 5
