"""Stage 2: the slow, strong teacher enhances every recorded frame, into data/teacher under the same stem.

A frame is computed once for its raw bytes and the chain's recipe, whatever kills the stage in between.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.chain import Chain, Enhanced, build_chain
from pipeline.errors import SharpcamError
from pipeline.files import write_json
from pipeline.frames import decode_frame, find_clips, find_frames, remove_tree, remove_unfinished, write_frame
from pipeline.params import GeometryParams, Params
from pipeline.paths import Paths
from pipeline.progress import progress_bar
from pipeline.stage import run_stage
from pipeline.stepcache import StepCache

PROBE_SHARE = 4  # the estimate runs the chain on a frame of a quarter of the width and height


@dataclass(frozen=True)
class Status:
    """What became of one frame: a line in logs/teacher.jsonl."""

    frame: str  # clip/stem
    key: str  # hash of the raw bytes and the recipe
    output: str  # sha256 of the picture written
    glitches: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Job:
    """One frame to be computed."""

    raw: Path
    output: Path
    key: str

    @property
    def name(self) -> str:
        return f"{self.raw.parent.name}/{self.raw.stem}"


def teacher(paths: Paths, params: Params) -> None:
    """The stage: compute what is missing or out of date, drop what has no raw frame any more."""
    clips = find_clips(paths.raw)
    if not clips:
        raise SharpcamError(f'There is no clip in {paths.raw}. Run "dvc repro capture" first, or "dvc pull".')
    chain = build_chain(params.teacher, geometry=params.geometry)
    paths.teacher.mkdir(parents=True, exist_ok=True)
    remove_unfinished(paths.teacher)
    remove_orphans(paths)
    log = paths.logs / "teacher.jsonl"
    known = read_statuses(log)
    jobs = [job for clip in clips for job in find_jobs(clip, chain, paths)]
    pending = [job for job in jobs if not is_done(job, known)]
    failures = compute(pending, chain, log=log, known=known, cache=_cache(paths, params))
    for clip in clips:
        write_recipe(clip, chain, known, paths)
    summarise(jobs, pending, known, failures)


def _cache(paths: Paths, params: Params) -> StepCache:
    return StepCache(paths.cache / "teacher", int(params.teacher.cache_gb * 1e9))


def find_jobs(clip: Path, chain: Chain, paths: Paths) -> list[Job]:
    """A job for each frame of the clip."""
    recipe = chain.fingerprint()
    return [
        Job(
            raw,
            paths.teacher / clip.name / raw.name,
            hashlib.sha256(raw.read_bytes() + recipe.encode()).hexdigest(),
        )
        for raw in find_frames(clip)
    ]


def is_done(job: Job, known: dict[str, Status]) -> bool:
    """Whether the picture is there, whole, and made of these raw bytes by this recipe."""
    status = known.get(job.name)
    if status is None or status.key != job.key or not job.output.is_file():
        return False
    return hashlib.sha256(job.output.read_bytes()).hexdigest() == status.output


def read_statuses(log: Path) -> dict[str, Status]:
    """The last status of each frame; a line that a kill cut off is passed over."""
    known: dict[str, Status] = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
        try:
            fields = json.loads(line)
            known[fields["frame"]] = Status(**fields | {"glitches": tuple(fields["glitches"])})
        except (ValueError, KeyError, TypeError):
            continue
    return known


def remove_orphans(paths: Paths) -> None:
    """Remove teacher pictures whose clip or frame is gone from data/raw."""
    for clip in find_clips(paths.teacher):
        if not (paths.raw / clip.name).is_dir():
            remove_tree(clip)
            continue
        for picture in find_frames(clip):
            if not (paths.raw / clip.name / picture.name).exists():
                picture.unlink()


def compute(
    pending: list[Job], chain: Chain, *, log: Path, known: dict[str, Status], cache: StepCache
) -> dict[str, str]:
    """Compute `pending`, noting each in `known` and `log` once it is written; gives frame -> what failed."""
    failures: dict[str, str] = {}
    if not pending:
        return failures
    log.parent.mkdir(parents=True, exist_ok=True)
    print(estimate(pending, chain), flush=True)
    with log.open("a", encoding="utf-8") as lines, progress_bar(what="teacher", total=len(pending)) as bar:
        _end_cut_line(log, lines)
        for job, outcome, seconds in local_results(pending, chain, cache=cache):
            if isinstance(outcome, SharpcamError):
                failures[job.name] = str(outcome)
            else:
                known[job.name] = _written(job, outcome, seconds)
                lines.write(json.dumps(asdict(known[job.name])) + "\n")
                lines.flush()
            bar.update()
    return failures


def _end_cut_line(log: Path, lines: Any) -> None:
    """Start on a line of its own after a kill in the middle of one."""
    if log.stat().st_size and not log.read_bytes().endswith(b"\n"):
        lines.write("\n")


def _written(job: Job, enhanced: Enhanced, seconds: float) -> Status:
    data = write_frame(job.output, enhanced.frame)
    return Status(job.name, job.key, hashlib.sha256(data).hexdigest(), enhanced.glitches, round(seconds, 3))


def local_results(
    pending: list[Job], chain: Chain, *, cache: StepCache
) -> Iterator[tuple[Job, Enhanced | SharpcamError, float]]:
    """Each job with its result, or what was wrong with its raw frame, and the seconds it took, in this process."""
    for job in pending:
        started = time.perf_counter()
        outcome: Enhanced | SharpcamError
        try:
            data = job.raw.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            outcome = chain.enhance(decode_frame(data, name=str(job.raw)), cache=cache, key=key)
        except SharpcamError as error:
            outcome = error
        yield job, outcome, time.perf_counter() - started


def estimate(pending: list[Job], chain: Chain) -> str:
    """How long `pending` will take here, from the chain on a small cut-out of the first frame that can be read."""
    for job in pending:
        try:
            frame = decode_frame(job.raw.read_bytes(), name=str(job.raw))
        except SharpcamError:
            continue
        height, width = frame.shape[0] // PROBE_SHARE, frame.shape[1] // PROBE_SHARE
        small = Chain(chain.name, chain.steps, _reduced(chain.geometry))
        seconds = min(_seconds(small, frame[:height, :width]) for _ in range(2)) * PROBE_SHARE**2
        return (
            f'teacher: {len(pending)} frames through the chain "{chain.name}", about {seconds:.2g} s each on this '
            f"machine: {in_hours(seconds * len(pending))}"
        )
    return f"teacher: {len(pending)} frames"


def _reduced(geometry: GeometryParams) -> GeometryParams:
    step = 2 * geometry.scale
    width, height = (max(step, side // PROBE_SHARE // step * step) for side in geometry.target)
    return geometry.model_copy(update={"width": width, "height": height})


def _seconds(chain: Chain, frame: Any) -> float:
    started = time.perf_counter()
    chain.enhance(frame)
    return time.perf_counter() - started


def in_hours(seconds: float) -> str:
    """A duration in the unit in which one thinks of it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def write_recipe(clip: Path, chain: Chain, known: dict[str, Status], paths: Paths) -> None:
    """chain.json beside the pictures of a clip: the recipe, and the frames that the guard kept out of training."""
    frames = [f"{clip.name}/{frame.stem}" for frame in find_frames(clip)]
    kept_out = {
        name.split("/")[1]: list(known[name].glitches) for name in frames if name in known and known[name].glitches
    }
    write_json(paths.teacher / clip.name / "chain.json", chain.recipe() | {"kept_out": kept_out})


def summarise(jobs: list[Job], pending: list[Job], known: dict[str, Status], failures: dict[str, str]) -> None:
    """Say what was done. Raises SharpcamError where a frame failed."""
    kept_out = sum(bool(known[job.name].glitches) for job in jobs if job.name in known)
    print(
        f"teacher: {len(jobs)} frames, {len(pending) - len(failures)} computed, {len(jobs) - len(pending)} up to date, "
        f"{kept_out} kept out by the guard, {len(failures)} failed",
        flush=True,
    )
    if failures:
        raise SharpcamError(f"{len(failures)} of {len(jobs)} frames failed: " + " ".join(list(failures.values())[:5]))


if __name__ == "__main__":
    sys.exit(run_stage("teacher", teacher))
