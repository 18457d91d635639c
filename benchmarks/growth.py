"""What sharpcam costs as recordings grow: measured, and computed beyond. docs/growth.md has its tables.

python -m benchmarks.growth [--frames 1000 5000 20000] [--full 200] [--runs 500]

Frames are those of the real clip of the demo, 160x120, with pictures of the chain "classical", 320x256; --full frames
of 640x480 and 1280x1024 give the bytes on disk.
Seconds are processor time of this machine, without imports, where every note of an earlier run is there.
"""

import argparse
import contextlib
import io
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import psutil
import yaml

from benchmarks.dashboard import ROOT, make_runs, wait_for
from pipeline.capture.stage import capture
from pipeline.core.clip_hashes import note_hashes
from pipeline.core.clips import find_clips, find_frames, frame_name
from pipeline.core.files import write_json
from pipeline.core.frames import encode_frame
from pipeline.core.hashing import sha256_of_bytes
from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths
from pipeline.media.sources import Video
from pipeline.split import split
from pipeline.teacher.stage import find_jobs, find_pending, ready_chain
from pipeline.teacher.statuses import Status
from pipeline.tracking import past_runs
from pipeline.train.stage import as_input, prepare
from training.pairs import RandomCrops

CLIP_FRAMES = 500
DIFFERENT = 4  # pictures; the others are copies of them
LOOKS = 10  # at a server's runs
NOTICE_S = 10  # between two looks of an idle page Runs
COMPUTED = (100_000, 1_000_000)
Found = TypeVar("Found")
Sizes = tuple[tuple[int, int], tuple[int, int]]
SMALL, FULL = ((160, 120), (320, 256)), ((640, 480), (1280, 1024))  # of a raw frame and of the teacher's


def main() -> int:
    """Print the tables; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, nargs="*", default=[1000, 5000, 20_000])
    parser.add_argument("--full", type=int, default=200, help="frames of full size, for the bytes on disk")
    parser.add_argument("--runs", type=int, default=500)
    asked = parser.parse_args()
    costs = {count: in_project(SMALL, count, seconds_of_stages) for count in sorted(asked.frames)}
    print(table(costs) if costs else "")
    if asked.full:
        print(in_project(FULL, asked.full, bytes_on_disk))
    print(in_project(SMALL, 0, lambda paths, params: seconds_of_runs(paths, params, asked.runs)))
    return 0


def in_project(sizes: Sizes, count: int, work: Callable[[Paths, Params], Found]) -> Found:
    """What `work` gives in a project of so many frames, which is gone afterwards."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            paths = Paths()
            make_params(paths, sizes)
            make_clips(paths, sizes, count)
            return work(paths, load_params(paths.params))
        finally:
            os.chdir(home)


def make_params(paths: Paths, sizes: Sizes) -> None:
    """The params.yaml of the repository for frames of these sizes, and no networks."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["geometry"] |= dict(zip(("width", "height"), sizes[1], strict=True))
    content["teacher"]["chain"] = "classical"
    content["evaluate"]["family_photographs"] = 0
    paths.params.write_text(yaml.safe_dump(content, sort_keys=False))
    shutil.copytree(ROOT / "weights/bundled", paths.bundled)


def make_clips(paths: Paths, sizes: Sizes, count: int) -> None:
    """Clips and their teacher's pictures as the stages leave them: every picture is a file of its own."""
    frames_of_clip = [
        np.asarray(cv2.resize(frame, sizes[0], interpolation=cv2.INTER_AREA), np.uint8)
        for frame in islice(Video(ROOT / "data/demo/box.mp4").frames(), 0, None, 6)
    ][:DIFFERENT]
    chain = ready_chain(paths, load_params(paths.params))
    pictures = [
        [encode_frame(frame) for frame in frames_of_clip],
        [encode_frame(chain.enhance(frame, cache=None, key="").frame) for frame in frames_of_clip],
    ]
    hashes = [sha256_of_bytes(picture) for picture in pictures[1]]
    for first in range(0, count, CLIP_FRAMES):
        name, frames = f"clip-{first // CLIP_FRAMES:04d}", range(min(CLIP_FRAMES, count - first))
        for folder, of in zip((paths.raw / name, paths.teacher / name), pictures, strict=True):
            folder.mkdir(parents=True)
            for index in frames:
                (folder / frame_name(index)).write_bytes(of[index % DIFFERENT])
        write_json(paths.raw / name / "clip.json", {"source": "folder", "frames": len(frames)})
        note_hashes(paths.raw / name)
        known = {f"{index:06d}": ["", hashes[index % DIFFERENT]] for index in frames}
        write_json(paths.teacher / name / "chain.json", {"frames": known, "kept_out": {}})


def seconds_of_stages(paths: Paths, params: Params) -> dict[str, float]:
    """Processor seconds of what each stage does before its work, the second time."""
    split(paths, params)
    return {name: [spent(work, paths, params) for _ in range(2)][1] for name, work in STARTS.items()}


def look_at_recordings(paths: Paths, params: Params) -> None:
    capture(paths, params.model_copy(update={"capture": params.capture.model_copy(update={"source": "inbox"})}))


def look_at_pictures(paths: Paths, params: Params) -> None:
    chain = ready_chain(paths, params)
    for clip in find_clips(paths.raw):
        jobs = find_jobs(clip, chain, paths)
        find_pending(clip, jobs, {job.key: Status(job.name, job.key, "", (), 0.0) for job in jobs}, paths)


def start_training(paths: Paths, params: Params) -> None:
    _, training, validation, _, _ = prepare(paths, params)
    for frames in (training, validation):
        as_input(frames, "training", paths)


def first_epoch(paths: Paths, params: Params) -> None:
    """Its crops alone: what decoding adds to it."""
    module, *_ = prepare(paths, params)
    crops = RandomCrops(module.training_pairs, module.crops, seed=1, epoch=0, rank=0, ranks=1)
    for batch in range(len(crops)):
        crops[batch]


STARTS: dict[str, Callable[[Paths, Params], None]] = {
    "capture: nothing new": look_at_recordings,
    "teacher: nothing to do": look_at_pictures,
    "split": split,
    "train: its start": start_training,
    "train: its start and the crops of an epoch": first_epoch,
}


def spent(work: Callable[[Paths, Params], None], paths: Paths, params: Params) -> float:
    """Processor seconds of `work`, of all threads; what it prints is nobody's."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work(paths, params)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(costs: dict[int, dict[str, float]]) -> str:
    """A row for each thing that is done, a column for each number of frames; beyond the last what a line through the
    last two gives."""
    counts = list(costs)
    lines = [
        f"| processor seconds | {' | '.join(f'{count:,} frames' for count in (*counts, *COMPUTED))} |",
        f"| --- | {' | '.join('---:' for _ in (*counts, *COMPUTED))} |",
    ]
    for name in costs[counts[0]]:
        values = [costs[count][name] for count in counts]
        slope = (values[-1] - values[-2]) / (counts[-1] - counts[-2]) if len(counts) > 1 else values[0] / counts[0]
        beyond = [max(0.0, values[-1] + slope * (count - counts[-1])) for count in COMPUTED]
        cells = [f"{value:.1f}" for value in values] + [f"({value:.0f})" for value in beyond]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def bytes_on_disk(paths: Paths, params: Params) -> str:
    """Megabytes a frame of everything in the project after a training was prepared, DVC's copies counted."""
    count = sum(len(find_frames(clip)) for clip in find_clips(paths.raw))
    split(paths, params)
    for work in (look_at_recordings, look_at_pictures, start_training, first_epoch):
        spent(work, paths, params)
    sizes = {"raw": bytes_of(paths.raw), "teacher's": bytes_of(paths.teacher), ".cache": bytes_of(paths.cache)}
    twice = sizes["raw"] + sizes["teacher's"]
    said = ", ".join(f"{name} {size / count / 1e6:.2f}" for name, size in sizes.items())
    total = (sum(sizes.values()) + twice) / count / 1e6
    return f"\nMB a frame of {count} of full size: {said}, DVC's copies {twice / count / 1e6:.2f}: {total:.2f} in all"


def bytes_of(folder: Path) -> int:
    """Of all files below a folder."""
    return sum(file.stat().st_size for file in files_below(folder))


def files_below(folder: Path) -> Iterator[Path]:
    yield from (file for file in folder.rglob("*") if file.is_file())


def read_runs(paths: Paths, _: Params) -> None:
    past_runs.all_runs(paths)


def seconds_of_runs(paths: Paths, params: Params, count: int) -> str:
    """What reading that many runs takes, of SQLite and of a server: all of them, and again as an idle page does."""
    make_runs(params, count)
    first, again = (spent(read_runs, paths, params) for _ in range(2))
    said = [
        f"\n{count} runs in SQLite: {first:.2f} s to read all of them, {again:.3f} s where nothing has changed since"
    ]
    with server() as (address, process):
        os.environ["MLFLOW_TRACKING_URI"] = address
        first = spent(read_runs, paths, params)
        busy_before = busy(process)
        again = sum(spent(read_runs, paths, params) for _ in range(LOOKS)) / LOOKS
        of_server = (busy(process) - busy_before) / LOOKS
        del os.environ["MLFLOW_TRACKING_URI"]
    said.append(
        f"{count} runs on a server: {first:.2f} s to read all; a look {again:.3f} s here, {of_server:.3f} s there"
        f", which is {100 * again / NOTICE_S:.2f} % and {100 * of_server / NOTICE_S:.2f} % of a core"
    )
    return "\n".join(said)


@contextlib.contextmanager
def server() -> Iterator[tuple[str, psutil.Process]]:
    """An MLflow server on the database here: its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipeline.tracking.server", "--backend-store-uri", "sqlite:///mlflow.db"]
    command += ["--port", str(port), "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def busy(process: psutil.Process) -> float:
    """Seconds of processor time until now, of a process and its children."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    sys.exit(main())
