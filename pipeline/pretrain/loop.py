"""Train a network that ships with sharpcam on clean photographs through the simulated camera.

It is measured on photographs held out. No DVC stage: what it gives goes to weights/bundled/. recipes/ holds a recipe
for each network: the restorer, which is the bundled teacher, and the students.
"""

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.core.command import in_words, only_once
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.pretrain.photos import Photos, load_photos
from pipeline.pretrain.recipe import RECIPES, Recipe, load_recipe
from pipeline.student.runtime import sha256
from pipeline.teacher.device import pick_device
from pipeline.tracking import client as tracking
from training import camera, checkpoints
from training.camera.cameras import CAMERAS
from training.camera.clips import draw_camera, draw_take, record
from training.descent import Run
from training.pool import Batch, Pool
from training.restoration import bicubic, crop_scenes, frame_psnr, seeded

VALIDATION, JITTER = 2, 3  # purposes of random numbers, beside those of the pool
NOT_IN_FINGERPRINT = {"device", "validate_steps", "checkpoint_s"}
OF_THE_FRAMES = {"seed", "drawings", "frame_px", "scene_px", "chunk_clips", "scenes_per_camera", "cameras"}
DIALS_JITTER = 0.04  # standard deviation of what the dials are off in training: estimates are never exact


def fingerprint(recipe: Recipe, photos: Photos, start: Path | None = None) -> str:
    """A hash of everything but the machine that decides the weights; checkpoints lie under this name."""
    settings = {**recipe.model_dump(mode="json", exclude=NOT_IN_FINGERPRINT), "camera_code": camera_code()}
    if start is not None:
        settings["start"] = sha256(start)
    return hashlib.sha256((json.dumps(settings, sort_keys=True) + photos.digest()).encode()).hexdigest()


def frames_fingerprint(recipe: Recipe, photos: Photos) -> str:
    """A hash of what decides the simulated frames: networks whose recipes agree in that share them."""
    settings = [recipe.model_dump(mode="json", include=OF_THE_FRAMES), camera_code()]
    return hashlib.sha256((json.dumps(settings, sort_keys=True) + photos.digest()).encode()).hexdigest()


def camera_code() -> str:
    """Changes with the code of the simulated cameras."""
    sources = sorted(Path(camera.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


@dataclass(frozen=True)
class Budget:
    """How long to train: so many steps or, where they are given, minutes; then no two runs are quite the same."""

    steps: int
    minutes: float | None = None

    def spent(self, run: Run) -> float:
        """The share of the budget that is used up, 0..1."""
        return min(1.0, run.step / self.steps if self.minutes is None else run.elapsed_s / (60 * self.minutes))


class Tracker(Protocol):
    """What of a tracking.Run is used here."""

    id: str

    def log_metrics(self, metrics: Mapping[str, float], *, step: int) -> None: ...

    def log_artifact(self, path: Path) -> None: ...

    def end(self, status: tracking.Status) -> None: ...


def start_tracking(run: Run, recipe: Recipe) -> Tracker:
    """The MLflow run of `run`, a new one or the one it was begun with."""
    return tracking.start(
        name=f"pretrain {recipe.model}", params=recipe.model_dump(mode="json"), resume_id=run.tracking_id
    )


@contextmanager
def ending(tracker: Tracker) -> Iterator[None]:
    """Tell the tracker how the body ended."""
    try:
        yield
    except BaseException as error:
        tracker.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    tracker.end("FINISHED")


def new_run(recipe: Recipe, device: torch.device, start: Path | None = None) -> Run:
    """The model at `start`, else an untrained one, the same for the same seed. Raises SharpcamError."""
    model = recipe.new_model() if start is None else started_from(start, recipe)
    return Run(channels_last(model.to(device)), recipe.descent())


def started_from(start: Path, recipe: Recipe) -> nn.Module:
    """The network at `start`, ready to be trained on. Raises SharpcamError where it is not that of `recipe`."""
    model, found = read_weights(start, option="--start")
    if found["model"] != recipe.model or found["arguments"] not in (recipe.arguments, without_dials(recipe)):
        raise SharpcamError(
            f"{start} holds {found['model']} with {found['arguments']}, and the recipe asks for {recipe.model} with "
            f"{recipe.arguments}. Name weights of that shape with --start."
        )
    started = recipe.new_model()
    started.load_state_dict({**started.state_dict(), **model.state_dict()})  # dials that are new begin neutral
    return started


def without_dials(recipe: Recipe) -> dict[str, Any]:
    """The recipe's arguments for a network that knows no dials: one that does may start from it."""
    return {name: value for name, value in recipe.arguments.items() if name != "dials"}


def read_weights(path: Path, *, option: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network at `path` and its recipe. Raises SharpcamError, naming the command's `option` that chooses it."""
    try:
        return checkpoints.load(path)
    except FileNotFoundError:
        raise SharpcamError(f'No weights at {path}. Name another file with {option}, or "git checkout" it.') from None
    except checkpoints.CheckpointError as error:
        raise SharpcamError(f"{error}. Name another file with {option}.") from None


def channels_last(model: nn.Module) -> nn.Module:
    """`model` with its weights laid out for the way convolutions are computed here; in place."""
    # torch's stubs know no memory_format of a module
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def validation_frames(photos: Photos, recipe: Recipe) -> list[Batch]:
    """Frames of the held-out photographs, each camera in turn, the same every time."""
    held_out = list(photos.held_out.values())
    smallest_px = min((min(photo.shape[1:]) for photo in held_out), default=0)
    cameras, frames = [CAMERAS[name] for name in recipe.cameras], []
    for index in range(recipe.validation_frames if held_out else 0):
        generator = seeded(recipe.seed, VALIDATION, index)
        photo, kind = held_out[index % len(held_out)], cameras[index % len(cameras)]
        scene, other = crop_scenes([photo], 2, scene_px=smallest_px, generator=generator)
        drawn = draw_camera(kind, generator)
        take = draw_take(kind, drawn, generator)
        clip = record(scene, other, take, drawn, px=recipe.validation_px, generator=generator)
        frames.append(Batch(clip.raw[-1:].float() / 255, clip.truth[-1:].float() / 255, clip.dials[None]))
    return frames


def told(recipe: Recipe, dials: Tensor) -> tuple[Tensor, ...]:
    """What the recipe's network gets beside a picture: the dials, if it has any."""
    return (dials,) if recipe.arguments.get("dials") else ()


@torch.inference_mode()
def measure(model: nn.Module, frames: list[Batch], recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Mean PSNR over `frames`, dB, of what `model` makes of them in fp32 and of bicubic; nothing without frames."""
    if not frames:
        return {}
    answers = (model(raw.to(device), *told(recipe, dials.to(device))).cpu() for raw, _, dials in frames)
    restored = torch.cat([frame_psnr(answer, frame.truth) for answer, frame in zip(answers, frames, strict=True)])
    doubled = torch.cat([frame_psnr(bicubic(raw), truth) for raw, truth, _ in frames])
    return {"val_psnr": float(restored.mean()), "val_psnr_bicubic": float(doubled.mean())}


def shipped_recipe(
    recipe: Recipe, photos: Photos, run: Run, budget: Budget, figures: dict[str, float], start: Path | None
) -> dict[str, Any]:
    """What travels with the weights."""
    return {
        "model": recipe.model,
        "arguments": recipe.arguments,
        "training": recipe.model_dump(mode="json"),
        "cameras_sha256": camera_code(),
        "training_sha256": fingerprint(recipe, photos, start),
        "started_from_sha256": None if start is None else sha256(start),
        "steps": run.step,
        "minutes": budget.minutes,
        "photographs": len(photos.training),
        "sources": photos.sources,
        "held_out": list(photos.held_out),
        "best": {name: round(value, 3) for name, value in figures.items()},
    }


def losses(run: Run, recipe: Recipe, pool: Pool, budget: Budget) -> Iterator[float]:
    """Train until the budget is spent; gives the loss of each step once it is taken."""
    started_s = time.monotonic() - run.elapsed_s
    while (spent := budget.spent(run)) < 1:
        pool.reach(recipe.first_chunks - 1 + run.step // recipe.refresh_steps)
        batch = pool.batch(run.step, size=recipe.batch_size, crop_px=recipe.crop_px, candidates=recipe.candidates)
        dials = jittered(batch.dials, seeded(recipe.seed, JITTER, run.step))
        loss = run.learn(batch.raw, batch.truth, *told(recipe, dials), spent=spent)
        run.elapsed_s = time.monotonic() - started_s
        yield loss


def jittered(dials: Tensor, generator: torch.Generator) -> Tensor:
    """`dials` (N, 4), each a little off."""
    return (dials + DIALS_JITTER * torch.randn(dials.shape, generator=generator).to(dials.device)).clamp(0, 1)


def percent_bar(steps: Iterator[float], run: Run, budget: Budget, *, what: str) -> Iterator[float]:
    """Pass `steps` on under a bar of the budget, with the time that is left."""
    quiet = not sys.stderr.isatty()
    form = what + ": {percentage:3.0f} % [{elapsed} < {remaining}{postfix}]"
    with tqdm(total=100.0, initial=100 * budget.spent(run), bar_format=form, mininterval=30 if quiet else 0.5) as bar:
        for loss in steps:
            bar.set_postfix_str(f"step {run.step:,}, loss {loss:.4f}", refresh=False)
            bar.update(100 * budget.spent(run) - bar.n)
            yield loss


def save_checkpoint(path: Path, run: Run) -> None:
    """Write all of `run` to `path` in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    torch.save(run.state(), partial)
    partial.replace(path)


def kept(steps: Iterator[float], run: Run, checkpoint: Path, *, every_s: float) -> Iterator[float]:
    """Pass `steps` on, and write `run` to `checkpoint` every so many seconds and after the last."""
    saved_s = time.monotonic()
    for loss in steps:
        yield loss
        if time.monotonic() - saved_s >= every_s:
            save_checkpoint(checkpoint, run)
            saved_s = time.monotonic()
    save_checkpoint(checkpoint, run)


def resume(run: Run, checkpoint: Path) -> None:
    """Put the new `run` where the one at `checkpoint` stopped, if there is one."""
    if checkpoint.is_file():
        run.restore(torch.load(checkpoint, map_location="cpu", weights_only=True))
        print(f"pretrain: going on at step {run.step}, from {checkpoint}", flush=True)


def train(
    photos: Photos,
    recipe: Recipe,
    budget: Budget,
    *,
    cache: Path,
    output: Path,
    start: Path | None = None,
    track: Callable[[Run, Recipe], Tracker] = start_tracking,
) -> None:
    """Train, from the weights at `start` if there are, or go on training; write the averaged weights to `output`."""
    device = torch.device(pick_device(recipe.device, setting="The recipe's device"))
    run, frames = new_run(recipe, device, start), validation_frames(photos, recipe)
    checkpoint = cache / fingerprint(recipe, photos, start)[:16] / "last.pt"
    resume(run, checkpoint)
    tracker = track(run, recipe)
    run.tracking_id = tracker.id
    pool = recipe.pool(photos, device, cache / "frames" / frames_fingerprint(recipe, photos)[:16])
    steps = percent_bar(losses(run, recipe, pool, budget), run, budget, what=recipe.model)
    recent: deque[float] = deque(maxlen=recipe.validate_steps)
    with ending(tracker):
        for loss in kept(steps, run, checkpoint, every_s=recipe.checkpoint_s):
            recent.append(loss)
            if run.step % recipe.validate_steps == 0:
                figures = measure(run.average, frames, recipe, device)
                report(tracker, run, {"train_loss": statistics.fmean(recent), **figures})
        figures = measure(run.average, frames, recipe, device)
        report(tracker, run, figures)
        checkpoints.save(
            output,
            run.average,
            shipped_recipe(recipe, photos, run, budget, figures, start),
            dtype=getattr(torch, recipe.shipped_as),
        )
        tracker.log_artifact(output)


def report(tracker: Tracker, run: Run, figures: dict[str, float]) -> None:
    """Log `figures` and print them."""
    tracker.log_metrics(figures, step=run.step)
    words = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
    tqdm.write(f"step {run.step}, {run.elapsed_s / 60:.1f} min: {words}")
    sys.stdout.flush()


def evaluate(weights: Path, photos: Photos, recipe: Recipe) -> None:
    """Print what the network at `weights` reaches on the held-out photographs, and how long a frame takes."""
    model, _ = read_weights(weights, option="--output")
    frames = validation_frames(photos, recipe)
    if not frames:
        raise SharpcamError("None of the photographs is held out. Name some under held_out in the recipe.")
    model = channels_last(model)
    figures = measure(model, frames, recipe, torch.device("cpu"))
    print(f"{len(frames)} simulated frames of {len(photos.held_out)} held-out photographs, PSNR against truth:")
    print(f"  bicubic   {figures['val_psnr_bicubic']:.2f} dB")
    print(f"  {recipe.model:<9} {figures['val_psnr']:.2f} dB")
    print(f"  {1e3 * frame_seconds(model):.0f} ms per 640x480 frame, {torch.get_num_threads()} threads, fp32")


@torch.inference_mode()
def frame_seconds(model: nn.Module, *, runs: int = 5) -> float:
    """Median time of one 640x480 frame, after one to warm up."""
    frame, times = torch.rand(1, 3, 480, 640), []
    for _ in range(runs + 1):
        started = time.perf_counter()
        model(frame)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.pretrain", description=__doc__)
    parser.add_argument(
        "recipe", help="a name in pipeline/pretrain/recipes, such as student_m, or the path of a recipe"
    )
    parser.add_argument("--photos", type=Path, required=True, metavar="FOLDER", help="clean photographs")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="M", help="train so long, all runs together")
    length.add_argument("--steps", type=int, metavar="N", help="train so many steps; default: the recipe's")
    parser.add_argument("--start", type=Path, metavar="FILE", help="begin with these weights instead of random ones")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: its place in weights/bundled")
    parser.add_argument("--evaluate", action="store_true", help="train nothing, measure the file --output")
    return parser.parse_args(arguments)


def recipe_file(asked: str) -> Path:
    """The recipe of that name among those that ship, or the path itself."""
    return Path(asked) if asked.endswith(".yaml") else RECIPES / f"{asked}.yaml"


def positive(minutes: float | None) -> float | None:
    """`minutes` as they are. Raises SharpcamError where that is no time."""
    if minutes is not None and not minutes > 0:
        raise SharpcamError(f"--minutes {minutes} is no time to train. Give a number above 0.")
    return minutes


def main(arguments: list[str] | None = None) -> int:
    """Train or evaluate in the current folder; gives the exit status."""
    asked = parse_arguments(arguments)

    def work() -> None:
        recipe = load_recipe(recipe_file(asked.recipe), **({} if asked.steps is None else {"steps": asked.steps}))
        photos = load_photos(asked.photos, held_out=recipe.held_out, smallest_px=recipe.scene_px)
        paths = Paths()
        output = asked.output or paths.bundled / f"{recipe.model}.safetensors"
        if asked.evaluate:
            evaluate(output, photos, recipe)
            return
        torch.set_num_threads(max(1, torch.get_num_threads() // recipe.workers))
        budget = Budget(recipe.steps, positive(asked.minutes))
        with only_once(f"pretrain-{Path(asked.recipe).stem}", paths=paths):
            train(
                photos,
                recipe,
                budget,
                cache=paths.cache / "pretrain",
                output=output,
                start=asked.start,
                track=start_tracking,
            )

    return in_words(work)
