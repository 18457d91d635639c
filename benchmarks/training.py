"""Crops per second: cut from decoded frames on the device, against the plain way, which opens two PNG files for each.

python -m benchmarks.training [--batch-size 16] [--seconds 10] [--threads 2]

Both ways give the same kind of batch from the recordings of the project here, floats on the device that trains. The
plain way opens the raw frame and the teacher's picture, resizes both, crops, and may use a process for each thread.
Then the student of params.yaml is trained; on a GPU it is also said what share of that time the GPU was busy.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count, repeat
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.core.command import run_command
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame
from pipeline.core.geometry import Frame
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.train.decoded_frames import decoded_frames
from pipeline.train.trainer import RunDirectory, distillation, learn
from training.distillation import Distillation
from training.models import MODELS
from training.pairs import Pair, RandomCrops, loader, to_picture

POLL_S = 0.1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batch-size", type=int, help="default: that of params.yaml")
    parser.add_argument("--seconds", type=float, default=10.0, help="that each is measured for")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args(arguments)
    return run_command(
        lambda: print(
            benchmark(Paths(), batch_size=asked.batch_size, seconds=asked.seconds, threads=asked.threads).table()
        )
    )


@dataclass(frozen=True)
class Speeds:
    """What was measured, crops per second."""

    device: str
    threads: int
    batch_size: int
    side_px: int
    plain: float
    cached: float
    model: str
    trained: float
    busy_share: float | None  # of the GPU while it trained, 0..1

    def table(self) -> str:
        busy = "" if self.busy_share is None else f"\nGPU busy while training: {100 * self.busy_share:.0f} %"
        return (
            f"{self.device}, {self.threads} threads, batches of {self.batch_size}, {self.side_px} px at input size\n"
            f"two PNG files a crop       {self.plain:>10.0f} crops/s\n"
            f"from the decoded frames    {self.cached:>10.0f} crops/s, {self.cached / self.plain:.0f} times as many\n"
            f"training {self.model:<18}{self.trained:>10.0f} crops/s{busy}"
        )


def benchmark(paths: Paths, *, batch_size: int | None, seconds: float, threads: int) -> Speeds:
    """Measure all of it on the recordings in `paths`. Raises SharpcamError where there are none."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    params = load_params(paths.params)
    endlessly = {"start_from": "scratch", "epochs": 1, "crops_per_epoch": 1_000_000, "devices": 1, "num_nodes": 1}
    train = params.train.model_copy(update=endlessly | {"batch_size": batch_size or params.train.batch_size})
    params = params.model_copy(update={"train": train})
    split = read_json(paths.split, made_by="split")
    frames = decoded_frames({"training": split["training"]}, paths=paths, geometry=params.geometry)["training"]
    plain = DataLoader(
        PlainCrops(frames.names, paths, params), train.batch_size, num_workers=threads, persistent_workers=True
    )
    module = distillation(MODELS[train.model](), frames, frames.some(1), params)
    trained, busy = trained_per_second(module, params, seconds=seconds)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return Speeds(
        name,
        threads,
        train.batch_size,
        train.crop_px,
        per_second(chain.from_iterable(repeat(plain)), device, seconds=seconds),
        per_second(endless(module, device), device, seconds=seconds),
        train.model,
        trained,
        busy,
    )


class PlainCrops(Dataset[Pair]):
    """A crop of each frame as one would write it first: open both pictures, resize them, cut."""

    def __init__(self, names: list[str], paths: Paths, params: Params) -> None:
        self.names, self.paths, self.params = names, paths, params

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        geometry, side = self.params.geometry, self.params.train.crop_px
        small = cv2.resize(read_frame(self.paths.raw / f"{self.names[index]}.png"), geometry.student_input)
        large = cv2.resize(read_frame(self.paths.teacher / f"{self.names[index]}.png"), geometry.target)
        y, x = (int(torch.randint(1 + max(0, limit - side), ())) for limit in small.shape[:2])
        return square(small, y, x, side), square(large, geometry.scale * y, geometry.scale * x, geometry.scale * side)


def square(picture: Frame, y: int, x: int, side: int) -> Tensor:
    """(side, side, 3), or what there is of it."""
    return torch.from_numpy(np.ascontiguousarray(picture[y : y + side, x : x + side]))


def endless(module: Distillation, device: torch.device) -> Iterator[Pair]:
    """The batches of one epoch after the other, as training takes them."""
    for epoch in count():
        crops = RandomCrops(module.training_pairs, module.crops, seed=0, epoch=epoch, rank=0, ranks=1)
        yield from loader(crops, device)


def per_second(batches: Iterator[Pair], device: torch.device, *, seconds: float) -> float:
    """Crops per second, as floats on `device`; the first batch, which starts processes, is not counted."""
    next(batches)
    crops, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        small, _ = (to_picture(part.to(device, non_blocking=True)) for part in next(batches))
        crops += len(small)
        if device.type == "cuda":
            torch.cuda.synchronize()
    return crops / (time.perf_counter() - started)


class Clock(lightning.Callback):
    """Ends a training after `seconds`, and knows how many batches a second it took; the first ones are not counted."""

    WARM_UP = 3

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.batches, self.started, self.ended = -self.WARM_UP, 0.0, 0.0
        self.busy: list[float] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.batches += 1
        if self.batches == 0:
            self.started = time.perf_counter()
        self.ended = time.perf_counter()
        trainer.should_stop = self.batches > 0 and self.ended - self.started >= self.seconds

    @property
    def per_second(self) -> float:
        return self.batches / (self.ended - self.started)


def trained_per_second(module: Distillation, params: Params, *, seconds: float) -> tuple[float, float | None]:
    """Crops per second of a training as the stage does it, and the share of that time in which the GPU was busy."""
    clock = Clock(seconds)
    with tempfile.TemporaryDirectory() as folder, watched_gpu() as busy:
        learn(module, params, RunDirectory(Path(folder)), tell=lambda *_: None, callbacks=[clock])
    return clock.per_second * params.train.batch_size, fmean(busy) if busy else None


@contextmanager
def watched_gpu() -> Iterator[list[float]]:
    """Collect the share of time in which a kernel ran, 0..1, as the driver tells it; nothing without a GPU."""
    shares: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-i", "0"]
        while not stop.wait(POLL_S):
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.stdout.strip().isdigit():
                shares.append(int(answer.stdout) / 100)

    watcher = threading.Thread(target=watch, daemon=True)
    if torch.cuda.is_available() and shutil.which("nvidia-smi"):
        watcher.start()
    try:
        yield shares
    finally:
        stop.set()
        if watcher.is_alive():
            watcher.join()


if __name__ == "__main__":
    sys.exit(main())
