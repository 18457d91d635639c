"""Seconds per step of the teacher's chains: each network plainly in fp32 against the way the stage computes it.

python -m benchmarks.teacher [--chain original] [--size 640x480] [--random-weights]

On the CPU a second table has each network in every backend, taking turns on the same picture, and what each costs.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch import nn

from benchmarks.random_weights import random_weights
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import decode_frame, encode_frame
from pipeline.core.geometry import to_uint8
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.teacher.backends import BACKENDS, REFERENCE, Compute
from pipeline.teacher.chain import Chain, build_chain
from pipeline.teacher.choice import loss, times_s
from pipeline.teacher.device import Engine
from pipeline.teacher.guard import defect, glitch
from pipeline.teacher.inference import loaded, plain, read, start_checked
from pipeline.teacher.network_steps import LocalStep, NetworkStep, Restorer
from pipeline.teacher.networks import with_run_time
from pipeline.teacher.probe import probe
from pipeline.teacher.step import Picture, Step

MOST_RUNS = 5
ENOUGH_S = 10.0  # no further run of a step once this much time has gone into it
CALIBRATION_PX = 2048

Made = TypeVar("Made")


@dataclass(frozen=True)
class Row:
    """One step's seconds."""

    name: str
    eager: float  # fp32, contiguous, no autocast
    fast: float  # as the stage computes it
    backends: str = ""  # of a network on the CPU: how it does in each


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.teacher", description=__doc__)
    parser.add_argument("--chain", help="one chain of params.yaml; default: each whose weights are here")
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="of the raw frame")
    parser.add_argument("--random-weights", action="store_true", help="random weights: speed only, no picture")
    asked = parser.parse_args(arguments)
    return run_command(lambda: benchmark(asked.chain, size=asked.size, random=asked.random_weights))


def _size(text: str) -> tuple[int, int]:
    width, height = (int(side) for side in text.split("x"))
    return width, height


def benchmark(name: str | None, *, size: tuple[int, int], random: bool) -> None:
    """Print a table for the chain `name`, or for every chain that can run. Raises SharpcamError for `name` alone."""
    params = load_params(Paths().params)
    print_machine(params)
    for chain in [name] if name else params.teacher.chains:
        try:
            with built(chain, params, random=random) as steps:
                steps.check(size=size)
                print_table(steps, measure(steps, size=size), random=random, size=size)
        except SharpcamError as error:
            if name:
                raise
            print(f"\n{chain}: left out. {error}")


@contextmanager
def built(name: str, params: Params, *, random: bool) -> Iterator[Chain]:
    """The chain, with the weights that are here or with random ones in a folder of their own."""
    if name not in params.teacher.chains:
        raise SharpcamError(f'No chain is called "{name}". Known: {", ".join(params.teacher.chains)}.')
    teacher = params.teacher.model_copy(update={"chain": name})
    with tempfile.TemporaryDirectory() if random else nullcontext(None) as folder:
        places = (Path(folder), Path(folder)) if folder else (Paths().bundled, Paths().downloads)
        chain = build_chain(
            teacher, geometry=params.geometry, engine=Engine(*places, teacher.device, teacher.precision)
        )
        networks = [step.network for _, step in chain.steps if isinstance(step, NetworkStep)]
        with random_weights(networks if random else [], folder=places[1]):
            chain.recipe()  # complains of what is missing before anything is measured
            yield chain


def measure(chain: Chain, *, size: tuple[int, int]) -> list[Row]:
    """Seconds of each step on the picture that the steps before it made, and of what lies around them."""
    frame = noisy_frame(size)
    data = encode_frame(frame)
    rows = [same("decode", lambda: decode_frame(data, name="frame"))]
    picture, guarding = frame.astype(np.float32) / np.float32(255), 0.0
    for name, step in chain.steps:
        step.load()
        fast, after = timed(partial(step.run, picture, geometry=chain.geometry))
        eager = eager_seconds(step, picture) if isinstance(step, NetworkStep) else fast
        rows.append(Row(name, eager, fast, in_each_backend(step, picture) if isinstance(step, NetworkStep) else ""))
        guarding += timed(partial(guard, step, picture, after))[0]
        picture = after
    last = to_uint8(picture * 255)
    return [*rows, Row("guard", guarding, guarding), same("encode", lambda: encode_frame(last))]


def same(name: str, work: Callable[[], Any]) -> Row:
    """What there is only one way to do."""
    spent, _ = timed(work)
    return Row(name, spent, spent)


def eager_seconds(step: NetworkStep, picture: Picture) -> float:
    """How long the network takes plainly, for as many views as the step takes the mean of."""
    model = with_tlc(read(step.source()), step).to(step.device)
    views = step.self_ensemble if isinstance(step, Restorer) else 1
    return timed(lambda: [plain(model, picture, device=step.device) for _ in range(views)])[0]


def in_each_backend(step: NetworkStep, picture: Picture) -> str:
    """A table of one pass of the network over `picture` in every backend; nothing on a GPU."""
    if step.device != "cpu":
        return ""
    model = loaded(step.source(), device="cpu", tlc_px=step.tlc_px if isinstance(step, LocalStep) else None)
    computes: dict[str, Compute] = {}
    left_out = []
    for name in BACKENDS:
        try:
            computes[name] = start_checked(name, model)
        except SharpcamError as error:
            left_out.append(f"{name} is left out: {error}")
    exact = computes[REFERENCE](probe().raw)
    losses = {name: loss(compute(probe().raw), exact) for name, compute in computes.items()}
    for compute in computes.values():
        compute(picture)  # compiles, and fills caches
    seconds = times_s(computes, picture)
    heading = f"{step.network:<24}{'seconds':>9}{'faster':>9}{'dB from fp32':>14}{'costs dB':>10}"
    lines = [
        f"{name:<24}{seconds[name]:>9.3f}{seconds[REFERENCE] / seconds[name]:>8.2f}x{apart:>14.1f}{lost:>10.3f}"
        + ("  <- in use" if name == step.backend else "")
        for name, (apart, lost) in losses.items()
    ]
    return "\n".join([heading, *lines, *left_out])


def with_tlc(model: nn.Module, step: NetworkStep) -> nn.Module:
    """`model` with the local converter, if the step asks for it."""
    source = step.source()
    if isinstance(step, LocalStep) and step.tlc_px:
        return with_run_time(model, name=source.network, tlc_px=step.tlc_px, **source.run_time)
    return model


def guard(step: Step, before: Picture, after: Picture) -> str:
    """What the guard computes of a step."""
    return defect(after) or (glitch(before, after) if step.keeps_view else "")


def timed(work: Callable[[], Made]) -> tuple[float, Made]:
    """Median time of `work` and what it gave; of several runs the first is not counted."""
    times: list[float] = []
    while len(times) <= MOST_RUNS and sum(times) < ENOUGH_S:
        started = time.perf_counter()
        made = work()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:] or times), made


def noisy_frame(size: tuple[int, int]) -> Any:
    """A frame (H, W, 3) uint8 with shapes and noise."""
    numbers = np.random.default_rng(0)
    shapes = numbers.random((size[1] // 20, size[0] // 20, 3), np.float32)
    smooth = cv2.resize(shapes, size, interpolation=cv2.INTER_CUBIC)
    return to_uint8((smooth + numbers.normal(0, 0.02, smooth.shape)) * 255)


def print_machine(params: Params) -> None:
    """What was measured on, with a fixed matrix product to compare machines and their load by."""
    device = Engine(device=params.teacher.device).settled_device
    square = torch.ones(CALIBRATION_PX, CALIBRATION_PX, device=device)
    calibration = timed(lambda: (square @ square)[0, 0].item())[0]
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {device} ({name}), teacher.precision: {params.teacher.precision}")
    print(f"calibration: {1e3 * calibration:.0f} ms for a product of two {CALIBRATION_PX}x{CALIBRATION_PX} matrices")


def print_table(chain: Chain, rows: list[Row], *, random: bool, size: tuple[int, int]) -> None:
    label = ", RANDOM WEIGHTS: speed only" if random else ""
    print(f"\n{chain.name}, {size[0]}x{size[1]} to {'x'.join(map(str, chain.geometry.target))}{label}")
    print(f"{'step':<16}{'eager fp32':>12}{'fast path':>12}{'faster':>9}   seconds")
    total = Row("a frame", sum(row.eager for row in rows), sum(row.fast for row in rows))
    for line in [*rows, total]:
        print(f"{line.name:<16}{line.eager:>12.3f}{line.fast:>12.3f}{line.eager / max(line.fast, 1e-9):>8.2f}x")
    for row in rows:
        if row.backends:
            print(f"\n{row.backends}")


if __name__ == "__main__":
    sys.exit(main())
