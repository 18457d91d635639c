"""Training of what ships: what it refuses, what outlives a kill, what it ships."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from making import until
from torch import nn

from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256
from pipeline.pretrain import evaluate, fingerprints
from pipeline.pretrain.command import main
from pipeline.pretrain.fingerprints import fingerprint, frames_fingerprint
from pipeline.pretrain.loop import DIALS_JITTER, Budget, jittered, percent_bar, train
from pipeline.pretrain.photos import load_photos, photo_tensor
from pipeline.pretrain.recipe import RECIPES, load_recipe
from pipeline.pretrain.weights import new_run
from pipeline.teacher.device import pick_device
from training import checkpoints
from training.descent import EmaTrainer

RECIPE = RECIPES / "restorer.yaml"
ROOT = Path(__file__).parents[3]
TINY = {
    "arguments": {"width": 8, "blocks": [1, 1], "dials": True},
    "steps": 24,
    "batch_size": 2,
    "crop_px": 16,
    "candidates": 2,
    "drawings": 1,
    "warmup_steps": 2,
    "frame_px": 24,
    "scene_px": 96,
    "chunk_clips": 2,
    "first_chunks": 2,
    "pool_chunks": 3,
    "refresh_steps": 4,
    "held_out": ["apart"],
    "validation_px": 24,
    "validation_frames": 2,
    "validate_steps": 12,
    "checkpoint_s": 0,
    "precision": "fp32",
}


class Recorder:
    """A tracker that remembers."""

    def __init__(self):
        self.id, self.resumed = "run-1", None
        self.metrics, self.artifacts, self.status = [], [], None

    def track(self, run, _recipe):
        self.resumed = run.tracking_id
        return self

    def log_metrics(self, metrics, *, step):
        self.metrics.append((step, dict(metrics)))

    def log_artifact(self, path):
        self.artifacts.append(path.name)

    def end(self, status):
        self.status = status


@pytest.fixture
def folder(tmp_path):
    """Two photographs to train on and one that is held out."""
    where = tmp_path / "photos"
    where.mkdir()
    for index, name in enumerate(("one.png", "two.png", "apart.png")):
        noise = np.random.default_rng(index).integers(0, 255, (10, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(where / name), cv2.resize(noise, (120, 100), interpolation=cv2.INTER_CUBIC))
    (where / "SOURCES.tsv").write_text("file\tlicence and source\none.png\tCC0, a\ntwo.png\tCC0, a\napart.png\tno\n")
    return where


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(RECIPE.read_text()), **TINY}))
    return path


def train_tiny(folder: Path, recipe_file: Path, output: Path, track=None, *, start=None, keep=0.0, **changes) -> None:
    recipe = load_recipe(recipe_file, **changes)
    photos = load_photos(folder, held_out=recipe.held_out, smallest_px=recipe.scene_px)
    budget = Budget(recipe.steps)
    track, cache = track or Recorder().track, output.parent / "cache"
    train(photos, recipe, budget, cache=cache, output=output, start=start, keep=keep, track=track)


def train_in_a_process(folder: Path, recipe_file: Path, output: Path) -> subprocess.Popen:
    code = (
        "import sys, torch; from pathlib import Path; from tests.pipeline.pretrain.test_loop import train_tiny;"
        "torch.set_num_threads(1); train_tiny(*map(Path, sys.argv[1:]))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests/support"))),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", code, str(folder), str(recipe_file), str(output)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def assert_same_weights(first: Path, second: Path) -> None:
    one, two = checkpoints.read(first), checkpoints.read(second)
    assert one.recipe == two.recipe
    for key, value in one.weights.items():
        assert torch.equal(value, two.weights[key]), key


def test_a_killed_training_goes_on_to_the_same_weights(folder, recipe_file, tmp_path):
    recipe_file.write_text(recipe_file.read_text().replace("steps: 24", "steps: 120"))
    broken, unbroken = tmp_path / "broken/r.safetensors", tmp_path / "unbroken/r.safetensors"
    process = train_in_a_process(folder, recipe_file, broken)
    until(lambda: list(tmp_path.glob("broken/cache/*/last.pt")))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.stderr.read()
    process.stderr.close()
    step = torch.load(next(tmp_path.glob("broken/cache/*/last.pt")), weights_only=True)["progress"]["step"]
    assert 0 < step < 120
    assert not broken.exists()

    for output in (broken, unbroken):
        process = train_in_a_process(folder, recipe_file, output)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert_same_weights(broken, unbroken)


def test_what_is_shipped_holds_its_recipe_and_where_the_pictures_come_from(folder, recipe_file, tmp_path):
    tracker = Recorder()
    train_tiny(folder, recipe_file, tmp_path / "r.safetensors", track=tracker.track)
    model, recipe = checkpoints.load(tmp_path / "r.safetensors")
    assert model(torch.rand(1, 3, 5, 7)).shape == (1, 3, 10, 14)
    assert (recipe["steps"], recipe["minutes"]) == (24, None)
    assert recipe["sources"] == {"CC0, a": 2}
    assert recipe["held_out"] == ["apart.png"]
    assert recipe["training"]["crop_px"] == 16
    assert tracker.status == "FINISHED"
    assert tracker.artifacts == ["r.safetensors"]
    assert [step for step, _ in tracker.metrics] == [12, 24, 24]
    assert {"train_loss", "val_psnr", "val_psnr_bicubic"} == set(tracker.metrics[0][1])


def test_a_finished_training_is_not_repeated_and_stays_the_same_run(folder, recipe_file, tmp_path):
    train_tiny(folder, recipe_file, tmp_path / "r.safetensors")
    before = (tmp_path / "r.safetensors").read_bytes()
    tracker = Recorder()
    train_tiny(folder, recipe_file, tmp_path / "r.safetensors", track=tracker.track)
    assert (tmp_path / "r.safetensors").read_bytes() == before
    assert tracker.resumed == "run-1"
    assert len(tracker.metrics) == 1


def test_a_training_that_fails_is_a_failed_run(folder, recipe_file, tmp_path, monkeypatch):
    tracker = Recorder()
    monkeypatch.setattr(checkpoints, "save", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_tiny(folder, recipe_file, tmp_path / "r.safetensors", track=tracker.track)
    assert tracker.status == "FAILED"


def test_a_training_can_begin_with_weights(folder, recipe_file, tmp_path):
    start, output = tmp_path / "start.safetensors", tmp_path / "r.safetensors"
    train_tiny(folder, recipe_file, start)
    train_tiny(folder, recipe_file, output, start=start, steps=1, learning_rate=1e-12, shipped_as="float32")
    begun, went_on = checkpoints.read(start), checkpoints.read(output)
    for key, value in begun.weights.items():
        torch.testing.assert_close(went_on.weights[key], value.float(), atol=1e-6, rtol=0)
    assert begun.recipe["started_from_sha256"] is None
    assert went_on.recipe["started_from_sha256"] == sha256(start)
    assert went_on.recipe["training_sha256"] != begun.recipe["training_sha256"]


@pytest.mark.parametrize("keep", [0.0, 0.25, 1.0])
def test_a_training_keeps_a_share_of_the_weights_that_it_began_with(folder, recipe_file, tmp_path, keep):
    start, learned, mixed = (tmp_path / f"{name}.safetensors" for name in ("start", "learned", "mixed"))
    train_tiny(folder, recipe_file, start, steps=2, shipped_as="float32")
    train_tiny(folder, recipe_file, learned, start=start, steps=4, shipped_as="float32")
    train_tiny(folder, recipe_file, mixed, start=start, keep=keep, steps=4, shipped_as="float32")
    before, after, found = (checkpoints.read(file) for file in (start, learned, mixed))
    assert found.recipe["kept_of_start"] == keep
    for name, value in found.weights.items():
        torch.testing.assert_close(value, torch.lerp(after.weights[name], before.weights[name], keep))


def test_a_network_with_dials_begins_with_the_weights_of_one_without(folder, recipe_file, tmp_path):
    start, without = tmp_path / "start.safetensors", {"width": 8, "blocks": [1, 1]}
    train_tiny(folder, recipe_file, start, arguments=without)
    plain, _ = checkpoints.load(start)
    begun = new_run(load_recipe(recipe_file), torch.device("cpu"), start).model
    frames, dials = torch.rand(1, 3, 16, 16), torch.rand(1, 4)
    with torch.inference_mode():
        torch.testing.assert_close(begun(frames, dials), plain(frames), atol=1e-5, rtol=0)


def test_weights_to_begin_with_that_do_not_fit_are_refused(folder, recipe_file, tmp_path, capsys):
    start = tmp_path / "start.safetensors"
    command = [str(recipe_file), "--photos", str(folder), "--start", str(start), "--output", str(tmp_path / "r.pth")]
    recipe = load_recipe(recipe_file, arguments={"width": 4, "blocks": [1]})
    photos = load_photos(folder, held_out=recipe.held_out, smallest_px=recipe.scene_px)
    with pytest.raises(SharpcamError, match=r"No weights at .* --start"):
        new_run(recipe, torch.device("cpu"), start)
    train_tiny(folder, recipe_file, start)
    with pytest.raises(SharpcamError, match=r"the recipe asks for restorer with .*'width': 4"):
        new_run(recipe, torch.device("cpu"), start)
    assert fingerprint(recipe, photos, start) != fingerprint(recipe, photos)
    start.unlink()
    assert main(command) == 1
    assert "No weights at" in capsys.readouterr().err


def test_minutes_end_a_training_whatever_the_steps():
    run = new_run(load_recipe(RECIPE, arguments={"width": 4, "blocks": [1]}), torch.device("cpu"))
    run.step, run.elapsed_s = 50, 45.0
    assert Budget(200).spent(run) == 0.25
    assert Budget(200, minutes=1).spent(run) == 0.75


def test_the_bar_writes_large_numbers_of_steps_whole(capsys):
    run = EmaTrainer(nn.Conv2d(3, 3, 1), load_recipe(RECIPES / "student_s.yaml").descent())
    run.step = 40_000  # the shortest form of which is 4e+4
    assert list(percent_bar(iter([0.5]), run, Budget(40_000), what="pretrain")) == [0.5]
    assert "100 %" in (words := capsys.readouterr().err)
    assert "step 40,000, loss 0.5000" in words


def test_other_photographs_another_recipe_or_camera_are_another_training(folder, recipe_file, monkeypatch):
    recipe = load_recipe(recipe_file)
    photos = load_photos(folder, held_out=recipe.held_out, smallest_px=96)
    (folder / "two.png").unlink()
    fewer = load_photos(folder, held_out=recipe.held_out, smallest_px=96)
    found = {
        fingerprint(recipe, photos),
        fingerprint(recipe, fewer),
        fingerprint(load_recipe(recipe_file, seed=99), photos),
    }
    assert len(found) == 3
    assert fingerprint(load_recipe(recipe_file, checkpoint_s=9), photos) in found
    shared = frames_fingerprint(recipe, photos)
    assert frames_fingerprint(load_recipe(recipe_file, steps=9, learning_rate=0.5), photos) == shared
    assert frames_fingerprint(load_recipe(recipe_file, scene_px=80), photos) != shared
    monkeypatch.setattr(fingerprints, "camera_code", lambda: "another camera")
    assert fingerprint(recipe, photos) not in found
    assert frames_fingerprint(recipe, photos) != shared


def test_other_shares_of_the_cameras_are_another_training(folder, recipe_file):
    recipe, other = load_recipe(recipe_file), load_recipe(recipe_file, cameras={"clean_file": 1.0})
    photos = load_photos(folder, held_out=recipe.held_out, smallest_px=96)
    assert fingerprint(recipe, photos) != fingerprint(other, photos)


def test_what_networks_are_told_of_the_cameras_is_a_little_off_and_stays_in_range():
    dials = torch.tensor([[0.0, 0.5, 0.5, 1.0]]).expand(400, -1)
    off = jittered(dials, torch.Generator().manual_seed(0))
    assert 0 <= off.min() <= off.max() <= 1
    assert float((off - dials)[:, 1:3].std()) == pytest.approx(DIALS_JITTER, rel=0.1)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("speed", 1, "speed is an unknown key"),
        ("crop_px", 17, "crop_px: .* multiple of 2"),
        ("learning_rate", -1, "learning_rate: .* greater than 0"),
        ("cameras", {"pinhole": 1}, "pinhole: not among the cameras"),
        ("cameras", {}, "at least one camera"),
        ("held_out", None, "held_out"),
        ("model", "student_xxl", "not one of the models"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_sentence(recipe_file, key, value, words):
    recipe_file.write_text(yaml.safe_dump({**yaml.safe_load(recipe_file.read_text()), key: value}))
    with pytest.raises(SharpcamError, match=words):
        load_recipe(recipe_file)


@pytest.mark.parametrize("text", ["steps: [", "a sentence", ""])
def test_a_recipe_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(SharpcamError, match="not a valid recipe"):
        load_recipe(tmp_path / "recipe.yaml")


def test_a_missing_recipe_and_an_impossible_number_of_steps_are_refused(tmp_path):
    with pytest.raises(SharpcamError, match="No recipe at"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(SharpcamError, match="steps"):
        load_recipe(RECIPE, steps=0)


def test_an_empty_folder_of_photographs_is_refused(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    assert main(["restorer", "--photos", str(tmp_path / "photos")]) == 1
    assert "No photographs to train on" in capsys.readouterr().err


def test_no_time_to_train_is_refused(folder, recipe_file, capsys):
    assert main([str(recipe_file), "--photos", str(folder), "--minutes", "0"]) == 1
    assert "--minutes 0" in capsys.readouterr().err


def test_photographs_that_cannot_be_used_are_named(folder):
    (folder / "broken.jpg").write_bytes(b"nothing")
    with pytest.raises(SharpcamError, match=r"broken\.jpg is not a picture"):
        load_photos(folder, held_out=(), smallest_px=96)
    (folder / "broken.jpg").unlink()
    with pytest.raises(SharpcamError, match="120x100, and 101 pixels are needed"):
        load_photos(folder, held_out=(), smallest_px=101)
    with pytest.raises(SharpcamError, match="held out"):
        load_photos(folder, held_out=("one", "two", "apart"), smallest_px=96)


def test_photographs_are_read_as_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 4, 3), (0, 0, 200), np.uint8))
    assert photo_tensor(tmp_path / "red.png", smallest_px=4)[:, 0, 0].tolist() == [200, 0, 0]


def test_held_out_photographs_are_never_trained_on(folder, recipe_file):
    recipe = load_recipe(recipe_file)
    photos = load_photos(folder, held_out=recipe.held_out, smallest_px=96)
    assert list(photos.training) == ["one.png", "two.png"]
    assert list(photos.held_out) == ["apart.png"]
    assert len(recipe.pool(photos, torch.device("cpu")).photos) == 2 + TINY["drawings"]


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(SharpcamError, match='device "nonsense" does not work here'):
        pick_device("nonsense", setting="The recipe's device")


def test_an_evaluation_without_weights_says_what_to_do(folder, recipe_file, tmp_path, capsys):
    asked = [str(recipe_file), "--photos", str(folder), "--output", str(tmp_path / "r.safetensors")]
    assert main([*asked, "--evaluate"]) == 1
    assert "No weights at" in capsys.readouterr().err
    (tmp_path / "r.safetensors").write_bytes(b"nothing")
    assert main([*asked, "--evaluate"]) == 1
    assert "not hold weights of this project" in capsys.readouterr().err


def test_an_evaluation_prints_both_figures(folder, recipe_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "frame_ms", lambda _: 500.0)
    train_tiny(folder, recipe_file, tmp_path / "r.safetensors")
    asked = [str(recipe_file), "--photos", str(folder), "--output", str(tmp_path / "r.safetensors")]
    assert main([*asked, "--evaluate"]) == 0
    printed = capsys.readouterr().out
    assert "bicubic" in printed
    assert "500 ms" in printed
