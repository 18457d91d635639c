"""What the teacher stage would cost if it were run now: frames, time and room on disk, before it starts; and what each
further frame and each step of a training take on this machine.

python -m pipeline.forecast
"""

import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.core.clip_rules import usable_clips
from pipeline.core.clips import DEMO_CLIP, find_clips, find_frames
from pipeline.core.command import run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.geometry import Frame
from pipeline.core.hashing import sha256_of_text
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser
from pipeline.core.progress import in_gigabytes, in_hours
from pipeline.core.timing import call_ms

TRIED_STEPS, TRIED_FRAMES = 4, 2  # the first of each is slower


@dataclass(frozen=True)
class Forecast:
    """What lies before the teacher."""

    frames: int  # that it would compute
    total: int
    chain: str
    seconds: float
    bytes: int  # of pictures: once in data/teacher, once in DVC's cache
    cache_bytes: int  # at most, of what networks gave


@dataclass(frozen=True)
class Rates:
    """What one more of each takes on this machine."""

    teacher_s: float  # a frame
    teacher_bytes: int  # a frame: its picture once in data/teacher, once in DVC's cache
    step_s: float  # of training
    validation_s: float  # a frame

    def seconds(self, *, frames: int, validation_frames: int, params: Params) -> tuple[float, float]:
        """(the teacher's time for so many frames, the time of a whole training that validates on so many)."""
        train = params.train
        steps = train.epochs * math.ceil(train.crops_per_epoch / train.batch_size)
        validation = train.epochs * validation_frames * self.validation_s
        return frames * self.teacher_s, steps * self.step_s + validation


def forecast_file(paths: Paths) -> Path:
    """Where the last forecast is kept."""
    return paths.cache / "forecast.json"


def state(paths: Paths, params: Params) -> str:
    """A hash of what a forecast depends on: parameters, and which frames and pictures there are."""
    settings = [part.model_dump_json() for part in (params.teacher, params.geometry, params.capture)]
    clips = (clip for home in (paths.inbox, paths.raw, paths.teacher) for clip in find_clips(home))
    found = [f"{clip.name} {clip.stat().st_mtime_ns} {len(find_frames(clip))} " for clip in clips]
    return sha256_of_text("".join(settings + found))


def known_forecast(paths: Paths, params: Params) -> Forecast | None:
    """The last forecast, if it still holds."""
    try:
        known = read_json(forecast_file(paths), made_by="forecast")
        return Forecast(**known["forecast"]) if known["state"] == state(paths, params) else None
    except (SharpcamError, KeyError, TypeError):
        return None


def rates_state(params: Params) -> str:
    """A hash of the parameters that rates depend on."""
    teacher, geometry, train = params.teacher, params.geometry, params.train
    known = [teacher.model_dump_json(), geometry.model_dump_json(), train.model, str((train.batch_size, train.crop_px))]
    return sha256_of_text(" ".join(known))


def known_rates(paths: Paths, params: Params) -> Rates | None:
    """The rates of the last forecast, if they still hold: which frames there are does not matter to them."""
    try:
        known = read_json(forecast_file(paths), made_by="forecast")
        return Rates(**known["rates"]) if known["rates_state"] == rates_state(params) else None
    except (SharpcamError, KeyError, TypeError):
        return None


def make_rates(paths: Paths, params: Params) -> Rates:
    """Try the chain on a cut-out of a frame, and the student on noise. Raises SharpcamError where one cannot run."""
    from pipeline.teacher.estimate import seconds_each
    from pipeline.teacher.stage import ready_chain

    step_s, validation_s = training_seconds(paths, params)
    return Rates(
        teacher_s=seconds_each(_any_frame(params), ready_chain(paths, params)),
        teacher_bytes=2 * _bytes_each(paths, params),
        step_s=step_s,
        validation_s=validation_s,
    )


def training_seconds(paths: Paths, params: Params) -> tuple[float, float]:
    """(seconds of a step, seconds of a whole validation frame) of the student that params.yaml names."""
    import torch

    from pipeline.train.start_from import starting_model, starting_weights
    from training.losses import frequency_l1, l1

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = starting_model(params, starting_weights(paths, params)).to(device)
    optimizer = torch.optim.Adam(model.parameters())
    train, scale, (width, height) = params.train, params.geometry.scale, params.geometry.target

    crops = torch.rand(train.batch_size, 3, train.crop_px, train.crop_px, device=device)
    frame = torch.rand(1, 3, height // scale, width // scale, device=device)

    def step() -> None:
        optimizer.zero_grad()
        picture = model(crops)
        target = torch.rand_like(picture)
        loss = l1(picture, target) + train.frequency_weight * frequency_l1(picture, target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        float(loss.detach())  # waits for a GPU

    def validate() -> None:
        with torch.no_grad():
            float(model(frame).mean())

    return _quickest(step, TRIED_STEPS), _quickest(validate, TRIED_FRAMES)


def _quickest(work: Callable[[], None], times: int) -> float:
    """Seconds of the quickest of so many."""
    return min(call_ms(work) for _ in range(times)) / 1e3


def make_forecast(paths: Paths, params: Params) -> Forecast:
    """Look at every frame, and try the chain on a cut-out. Raises SharpcamError where the chain cannot run.

    What the stage capture has yet to bring counts too, as it runs before the teacher.
    """
    # They load torch, which a page that reads a forecast does not need.
    from pipeline.teacher.cameras import chains_of_clips
    from pipeline.teacher.estimate import first_readable, seconds_each
    from pipeline.teacher.stage import check_sizes, find_jobs, find_pending, ready_chain
    from pipeline.teacher.statuses import read_statuses

    chain = ready_chain(paths, params)
    known = read_statuses(paths)
    told = chains_of_clips(usable_clips(find_clips(paths.raw), stage="forecast", paths=paths), chain, paths)
    jobs = {clip: find_jobs(clip, told[clip], paths) for clip in told}
    pending = [job for clip in told for job in find_pending(clip, jobs[clip], known, paths)]
    coming = frames_to_come(paths, params)
    frames, total = len(pending) + coming, sum(map(len, jobs.values())) + coming
    frame = first_readable(pending)
    if frame is None and coming:
        frame = _any_frame(params)
    if frame is None:
        return Forecast(frames, total, chain.name, 0.0, 0, 0)
    check_sizes(pending, chain)
    networks = any(step.is_network for _, step in chain.steps)
    return Forecast(
        frames=frames,
        total=total,
        chain=chain.name,
        seconds=round(seconds_each(frame, chain) * frames, 1),
        bytes=2 * frames * _bytes_each(paths, params),
        cache_bytes=int(params.teacher.cache_gb * 1e9) if networks else 0,
    )


def frames_to_come(paths: Paths, params: Params) -> int:
    """Frames that the stage capture will bring: what waits in the inbox, and the demo where there is none yet."""
    waiting = sum(len(find_frames(clip)) for clip in find_clips(paths.inbox))
    demo = params.capture.demo
    if params.capture.source != "demo" or any(clip.name.startswith(DEMO_CLIP) for clip in find_clips(paths.raw)):
        return waiting
    return waiting + demo.clips * demo.frames + demo.real_frames


def _any_frame(params: Params) -> Frame:
    """A frame of the camera's size, where there is none yet: its noise takes a chain as long as a picture does."""
    size = params.capture.camera
    return np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)


def _bytes_each(paths: Paths, params: Params) -> int:
    """What a picture takes: as those that there are, else as much as its pixels without compression."""
    sizes = [picture.stat().st_size for clip in find_clips(paths.teacher) for picture in find_frames(clip)]
    width, height = params.geometry.target
    return round(statistics.mean(sizes)) if sizes else width * height * 3


def in_a_sentence(forecast: Forecast) -> str:
    """The forecast for people."""
    if not forecast.frames:
        return f"The teacher has nothing to do: all {forecast.total} frames are up to date."
    cached = (
        f", and at most {in_gigabytes(forecast.cache_bytes)} of its networks' results" if forecast.cache_bytes else ""
    )
    return (
        f'The teacher has {forecast.frames} of {forecast.total} frames to compute with the chain "{forecast.chain}": '
        f"about {in_hours(forecast.seconds)} on this machine, and {in_gigabytes(forecast.bytes)} on disk"
        f" (in data/teacher, and as much again in DVC's cache){cached}."
    )


def forecast(paths: Paths) -> None:
    """Make a forecast, keep it and print it; then the rates, without which the forecast still holds."""
    params = load_params(paths.params)
    at_start = state(paths, params)
    made = make_forecast(paths, params)
    known = {"state": at_start, "forecast": asdict(made)}
    write_json(forecast_file(paths), known)
    print(in_a_sentence(made))
    rates = {"rates_state": rates_state(params), "rates": asdict(make_rates(paths, params))}
    write_json(forecast_file(paths), known | rates)


def main(arguments: list[str] | None = None) -> int:
    """Forecast the teacher of this project."""
    parser = command_parser("pipeline.forecast", __doc__)
    parser.parse_args(arguments)
    return run_command(lambda: forecast(Paths.of_project()))


if __name__ == "__main__":
    sys.exit(main())
