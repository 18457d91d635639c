"""Train the estimator that reads a camera's dials from its frames.

It learns how likely the dials are that simulated cameras really had, and at last through the finished students, too:
the best dials are those with which a student gives the best picture. A batch holds several cameras, each with some
frames of its clips, which are pooled as where pictures and clips are enhanced. What it needs is many cameras: one that
saw 400 of them again and again read new ones hardly better than a constant would.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.core.hashing import sha256, sha256_of_text
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.pretrain.command import positive, recipe_file
from pipeline.pretrain.estimator_files import from_onnx, put_into, to_onnx
from pipeline.pretrain.fingerprints import NOT_IN_FINGERPRINT, frames_fingerprint
from pipeline.pretrain.loop import Budget, kept, percent_bar, resume
from pipeline.pretrain.photos import Photos, load_photos
from pipeline.pretrain.recipe import Recipe, load_recipe
from pipeline.pretrain.weights import channels_last, read_weights
from training.descent import EmaTrainer
from training.models import estimator as estimator_code
from training.models.estimator import Estimator, Reading, decibel_loss, likelihood_loss, overshoot
from training.pool import KEPT, Chunk, Pool
from training.restoration import bicubic, random_crop, seeded, turn

CROPS = 1  # purpose of random numbers
LIKELIHOOD_SHARE = 0.8  # of the training, its start, in which the dials that the camera had are all that counts
LIKELIHOOD_WEIGHT = 0.1  # afterwards, beside the decibels
OVERSHOOT_WEIGHT = 10.0  # a grey level of halo everywhere costs a sixth of a decibel


class Pictures:
    """The crops of one step: frames to read, crops to restore, and which camera each belongs to."""

    def __init__(self, pool: Pool, recipe: Recipe, step: int) -> None:
        generator = seeded(recipe.seed, CROPS, step)
        held = list(pool.chunks.values())
        frames, raws, truths, groups, dials = [], [], [], [], []
        for group in range(recipe.batch_size):
            chunk = held[int(torch.randint(len(held), (1,), generator=generator))]
            chosen = some_frames(chunk, recipe, generator)
            way = int(torch.randint(8, (1,), generator=generator))
            for frame in chosen:
                frames.append(turn(chunk.raw[frame], way))
                raw, truth = random_crop(
                    chunk.raw[frame], chunk.truth[frame], crop_px=recipe.crop_px, generator=generator
                )
                raws.append(raw)
                truths.append(truth)
                groups.append(group)
            dials.append(chunk.dials[chosen].mean(dim=0))  # each scene was moved over in another way
        self.frames, self.raw, self.truth = (torch.stack(part).float() / 255 for part in (frames, raws, truths))
        self.groups, self.dials = torch.tensor(groups), torch.stack(dials)


def some_frames(chunk: Chunk, recipe: Recipe, generator: torch.Generator) -> list[int]:
    """One to all scenes of one camera of a chunk, a frame of each: their places in the chunk."""
    per_camera = recipe.scenes_per_camera
    cameras = len(chunk.raw) // (KEPT * per_camera)
    camera = int(torch.randint(cameras, (1,), generator=generator))
    count = 1 + int(torch.randint(per_camera, (1,), generator=generator))
    scenes = torch.randperm(per_camera, generator=generator)[:count].tolist()
    return [(camera * per_camera + scene) * KEPT + KEPT - 1 for scene in scenes]


class Learner(nn.Module):
    """The estimator, a new one or that in the file `start`, and what is lost with its dials; the students are fixed."""

    def __init__(self, students: list[nn.Module], start: Path | None = None) -> None:
        super().__init__()
        self.estimator = from_onnx(start) if start else Estimator()
        self.likelihood_share = 0.0 if start else LIKELIHOOD_SHARE
        self.students = [student.requires_grad_(False) for student in students]  # a list: not its own weights

    def found(self, pictures: Pictures) -> Reading:
        """The dials (cameras, 4) that the estimator finds for each camera of a batch, and their precision."""
        return self.estimator.of_cameras(pictures.frames, pictures.groups, len(pictures.dials))

    def loss(self, pictures: Pictures, *, step: int, spent: float) -> Tensor:
        """At first how unlikely the true dials are; then also what is lost with those found, in units of 4.34 dB."""
        found = self.found(pictures)
        unlikely = likelihood_loss(found, pictures.dials)
        if spent < self.likelihood_share:
            return unlikely
        student = self.students[step % len(self.students)]
        restored = student(pictures.raw, found.values[pictures.groups])
        own = decibel_loss(restored, pictures.truth, pictures.groups, len(pictures.dials))
        return own + LIKELIHOOD_WEIGHT * unlikely + OVERSHOOT_WEIGHT * overshoot(restored, pictures.raw)


class EstimatorTrainer(EmaTrainer):
    """An estimator on its way."""

    model: Learner
    average: Learner

    def learn_from(self, pictures: Pictures, *, spent: float) -> float:
        """One step; returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.descent.rate(step=self.step, spent=spent)
        with torch.autocast("cpu", torch.bfloat16, enabled=spent < self.descent.bf16):
            loss = self.model.loss(pictures, step=self.step, spent=spent)
        parameters = list(self.model.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.take_step()
        return float(loss.detach())


def fingerprint(recipe: Recipe, photos: Photos, weights: list[Path]) -> str:
    """A hash of everything but the machine that decides the estimator; its checkpoints lie under this name."""
    settings = recipe.model_dump(mode="json", exclude=NOT_IN_FINGERPRINT)
    parts = [json.dumps(settings, sort_keys=True), frames_fingerprint(recipe, photos)]
    parts += [sha256(file) for file in [*weights, Path(__file__), Path(estimator_code.__file__)]]
    return sha256_of_text("".join(parts))


def students_with_dials(files: list[Path]) -> list[nn.Module]:
    """The students in `files`. Raises SharpcamError where there are none, or one knows no dials."""
    if not files:
        raise SharpcamError("There is no student to learn through. Name some with --students.")
    students = []
    for file in files:
        student, recipe = read_weights(file, option="--students")
        if not recipe["arguments"].get("dials"):
            raise SharpcamError(f"{file} is not a student with dials. Name others with --students.")
        students.append(channels_last(student))
    return students


def newest_chunk(run: EmaTrainer, recipe: Recipe) -> int:
    """The index of the newest chunk that the pool holds at that step."""
    return recipe.first_chunks - 1 + run.step // recipe.refresh_steps


def losses(run: EstimatorTrainer, recipe: Recipe, pool: Pool, budget: Budget) -> Iterator[float]:
    """Train until the budget is spent; yields the loss of each step once it is taken."""
    started_s = time.monotonic() - run.elapsed_s
    while (spent := budget.spent(run)) < 1:
        pool.reach(newest_chunk(run, recipe))
        loss = run.learn_from(Pictures(pool, recipe, run.step), spent=spent)
        run.elapsed_s = time.monotonic() - started_s
        yield loss


@torch.inference_mode()
def describe(learner: Learner, pool: Pool, recipe: Recipe) -> str:
    """What the estimator's dials give on frames of the pool's last chunks, beside true and neutral ones and bicubic."""
    steps = [Pictures(pool, recipe, -1 - number) for number in range(40)]
    sums = dict.fromkeys(("bicubic", "neutral", "estimated", "true"), 0.0)
    errors = torch.zeros(4)
    for pictures in steps:
        count, groups = len(pictures.dials), pictures.groups
        found = learner.found(pictures).values
        student = learner.students[0]
        answers = {
            "bicubic": bicubic(pictures.raw),
            "neutral": student(pictures.raw),
            "estimated": student(pictures.raw, found[groups]),
            "true": student(pictures.raw, pictures.dials[groups]),
        }
        for name, answer in answers.items():
            sums[name] -= 4.343 * float(decibel_loss(answer, pictures.truth, groups, count)) / len(steps)
        errors += (found - pictures.dials).abs().mean(dim=0) / len(steps)
    figures = ", ".join(f"{name} {value:.2f} dB" for name, value in sums.items())
    return f"{figures}; off the true dials by {', '.join(f'{float(error):.2f}' for error in errors)}"


def main(arguments: list[str] | None = None) -> int:
    """Train in the current folder; returns the exit status."""
    parser = command_parser("pipeline.pretrain.estimator", __doc__)
    parser.add_argument("--photos", type=Path, required=True, metavar="FOLDER", help="clean photographs")
    parser.add_argument("--students", type=Path, nargs="+", metavar="FILE", help="default: all in weights/bundled")
    parser.add_argument("--minutes", type=float, metavar="M", help="train so long, all runs together")
    parser.add_argument("--start", type=Path, metavar="FILE", help="go on from this estimator (ONNX), through students")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: weights/bundled/estimator.onnx")
    parser.add_argument("--restorer", type=Path, metavar="FILE", help="a restorer with dials that is to hold it, too")
    asked = parser.parse_args(arguments)

    def work() -> None:
        recipe, paths = load_recipe(recipe_file("estimator")), Paths()
        files = asked.students or sorted(paths.bundled.rglob("student_*.safetensors"))
        students = students_with_dials(files)
        photos = load_photos(asked.photos, held_out=recipe.held_out, smallest_px=recipe.scene_px)
        torch.manual_seed(recipe.seed)
        run = EstimatorTrainer(Learner(students, asked.start), recipe.descent())
        frames = frames_fingerprint(recipe, photos)[:16]
        name = fingerprint(recipe, photos, [*files, *([asked.start] if asked.start else [])])[:16]
        checkpoint = paths.cache / "pretrain" / f"estimator-{name}" / "last.pt"
        resume(run, checkpoint)
        pool = recipe.pool(photos, torch.device("cpu"), paths.cache / "pretrain" / "frames" / frames)
        budget = Budget(recipe.steps, positive(asked.minutes))
        with only_once("pretrain-estimator", paths=paths):
            steps = percent_bar(losses(run, recipe, pool, budget), run, budget, what="estimator")
            for _ in kept(steps, run, checkpoint, every_s=recipe.checkpoint_s):
                if run.step % recipe.validate_steps == 0:
                    print(f"step {run.step}: {describe(run.average, pool, recipe)}", flush=True)
        pool.reach(newest_chunk(run, recipe))
        print(f"estimator: {describe(run.average, pool, recipe)}")
        write_bytes(asked.output or paths.bundled / "estimator.onnx", to_onnx(run.average.estimator))
        if asked.restorer:
            put_into(asked.restorer, run.average.estimator)

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
