"""Trainings side by side: the same data, the same number of crops, one thing changed. What was ended is not run again.

Frames, teacher's pictures and split are those of the project here; validation frames train nothing.
"""

import argparse
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.core.command import only_once
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame
from pipeline.core.params import Params, TrainParams, load_params
from pipeline.core.paths import Paths
from pipeline.core.progress import progress
from pipeline.core.split_file import read_split
from pipeline.train.decoded_frames import DecodedFrames, decoded_frames
from pipeline.train.trainer import RunDirectory, best_student, distillation, fingerprint, learn
from training.metrics import psnr
from training.models import MODELS
from training.pairs import to_picture

EPOCHS = 16  # each ends with a checkpoint
RATES = {  # the learning rate at which each learns best from scratch in a short training: the narrower, the higher
    "student_s": 4e-3,
    "student_m": 4e-3,
    "student_l": 2e-3,
    "student_original": 1e-3,
}
WATCHED = 3  # validation frames that are judged after each epoch; at the end it is all of them


@dataclass(frozen=True)
class Trial:
    """One training: what it is called, and what of the section `train` it changes."""

    name: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """How near the validation frames come, mean PSNR in dB; to the truth where there is any."""

    parameters: int
    teacher_db: float
    truth_db: float | None


def add_arguments(parser: argparse.ArgumentParser, *, crops: int) -> None:
    """What every benchmark of trials can be asked."""
    parser.add_argument("--crops", type=int, default=crops, help="that each training sees")
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="each trial is run with each; default: that of params.yaml"
    )
    parser.add_argument("--threads", type=int, help="of the CPU; one is best beside other work")
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="KEY=VALUE", dest="changes")


def _setting(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    return key, yaml.safe_load(value)


def run_trials(trials: Iterable[Trial], paths: Paths, asked: argparse.Namespace) -> dict[str, list[Verdict]]:
    """Run each trial with each seed, or go on with it; gives the verdicts by the trial's name."""
    if asked.threads:
        torch.set_num_threads(asked.threads)
    params = load_params(paths.params)
    split = read_split(paths).model_dump()
    parts = {part: split[part] for part in ("training", "validation")}
    frames = decoded_frames(parts, paths=paths, geometry=params.geometry)
    verdicts: dict[str, list[Verdict]] = {}
    for trial in trials:
        for seed in asked.seeds or [params.seed]:
            changed = with_changes(params, {**trial.changes, **dict(asked.changes)}, crops=asked.crops, seed=seed)
            print(f"{trial.name}, seed {seed}, {changed.train.model}, {asked.crops} crops", flush=True)
            verdicts.setdefault(trial.name, []).append(run_trial(changed, frames, paths))
    return verdicts


def with_changes(params: Params, changes: dict[str, Any], *, crops: int, seed: int) -> Params:
    """`params` for one trial. Raises SharpcamError for what the section `train` does not know."""
    whole = {"start_from": "scratch", "epochs": EPOCHS, "crops_per_epoch": max(1, crops // EPOCHS)}
    try:
        train = TrainParams.model_validate({**params.train.model_dump(), **whole, **changes})
    except ValidationError as error:
        raise SharpcamError(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}. Correct --set.") from None
    return params.model_copy(update={"seed": seed, "train": train})


def run_trial(params: Params, frames: dict[str, DecodedFrames], paths: Paths) -> Verdict:
    """Train from scratch, or go on, and judge the best weights on all validation frames."""
    training, validation = frames["training"], frames["validation"]
    watched = validation.some(WATCHED)
    torch.manual_seed(params.seed)
    model = MODELS[params.train.model]()
    folder = paths.cache / "trials" / fingerprint(params, model, training, watched)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "verdict.json"
    if done.exists():
        return Verdict(**read_json(done, made_by="train"))
    with only_once(f"trial-{folder.name}", paths=paths):
        module = distillation(model, training, watched, params)
        learn(module, params, RunDirectory(folder), tell=lambda *_: None)
        verdict = judge(best_student(module), validation, paths)
        write_json(done, asdict(verdict))
        RunDirectory(folder).checkpoint.unlink()
    return verdict


def mean(verdicts: list[Verdict], measure: str) -> float | None:
    """Over the seeds; None where it could not be measured."""
    values = [getattr(verdict, measure) for verdict in verdicts]
    return None if None in values else float(np.mean(values))


@torch.inference_mode()
def judge(model: nn.Module, frames: DecodedFrames, paths: Paths) -> Verdict:
    """Mean PSNR over `frames`, as the stage evaluate has it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    to_teacher, to_truth = [], []
    for index in progress(range(len(frames)), what="judge"):
        picture = model(_tensor(frames.input(index)).to(device)).clamp(0, 1).cpu()
        to_teacher.append(float(psnr(picture, _tensor(frames.target(index)))))
        truth = paths.truth / f"{frames.names[index]}.png"
        if truth.exists():
            to_truth.append(float(psnr(picture, _tensor(read_frame(truth)))))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Verdict(parameters, float(np.mean(to_teacher)), float(np.mean(to_truth)) if to_truth else None)


def _tensor(frame: Frame) -> Tensor:
    return to_picture(torch.from_numpy(np.ascontiguousarray(frame))[None])
