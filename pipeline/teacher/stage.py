"""Stage 2: the slow, strong teacher enhances every recorded frame, into data/teacher under the same stem.

A frame is computed once for its raw bytes and the chain's recipe, with the dials of its clip where a step takes some,
whatever kills the stage in between.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from pipeline.core.clip_hashes import noted_hashes, require_unchanged
from pipeline.core.clip_rules import usable_clips
from pipeline.core.clips import find_clips, find_frames, remove_tree, remove_unfinished
from pipeline.core.errors import SharpcamError
from pipeline.core.file_notes import FileNotes
from pipeline.core.files import read_json, write_json
from pipeline.core.hashing import sha256, sha256_of_bytes, sha256_of_json
from pipeline.core.params import Params, TeacherParams
from pipeline.core.paths import Paths
from pipeline.core.progress import progress_bar
from pipeline.teacher.cache import StepCache
from pipeline.teacher.cameras import cache_prefixes, chains_of_clips
from pipeline.teacher.chain import Chain, build_chain
from pipeline.teacher.device import Engine
from pipeline.teacher.estimate import estimate, first_readable
from pipeline.teacher.executor import Job, Result, local_results
from pipeline.teacher.families import note_gains
from pipeline.teacher.ray_executor import ray_results, require_ray
from pipeline.teacher.statuses import Status, end_cut_line, log_file, read_statuses, status_of
from pipeline.teacher.steady import forget, neighbours, with_fused


def teacher(paths: Paths, params: Params) -> None:
    """The stage: compute what is missing or out of date, drop what has no raw frame any more."""
    clips = usable_clips(find_clips(paths.raw), stage="teacher", paths=paths)
    if not clips:
        raise SharpcamError(f'There is no clip in {paths.raw}. Run "dvc repro capture" first, or "dvc pull".')
    chain = ready_chain(paths, params)
    paths.teacher.mkdir(parents=True, exist_ok=True)
    remove_unfinished(paths.teacher)
    remove_orphans(paths)
    known = read_statuses(paths)
    chains = chains_of_clips(clips, chain, paths)
    jobs_of = {clip: find_jobs(clip, chains[clip], paths) for clip in clips}
    jobs = [job for of_clip in jobs_of.values() for job in of_clip]
    pending = [job for clip in clips for job in find_pending(clip, jobs_of[clip], known, paths)]
    check_sizes(pending, chain)
    cache = StepCache(paths.cache / "teacher", int(params.teacher.cache_gb * 1e9), cache_prefixes([*chains.values()]))
    results = start_executor(with_fused(pending, chain, paths), chain, params.teacher, cache)
    for clip in clips if pending else ():
        record_backends(paths.teacher / clip.name, chains[clip])
    failures = compute(results, log=log_file(paths), known=known, total=len(pending)) if pending else {}
    forget(paths)
    if params.teacher.executor == "local":  # workers of Ray may have the GPU that this process lacks
        note_gains(chain, paths, photos=params.evaluate.family_photographs)
    for clip in clips:
        write_recipe(paths.teacher / clip.name, jobs_of[clip], chains[clip], known)
    summarise(jobs, pending, known, failures)


def ready_chain(paths: Paths, params: Params) -> Chain:
    """The chain of the parameters. Its networks compute in the backends that a chain.json of the same steps records,
    so that a run that resumes mixes none; where there is no such, in the fastest here."""
    chain = build_chain(params.teacher, geometry=params.geometry, engine=build_engine(paths, params.teacher))
    for file in sorted(paths.teacher.glob("*/chain.json")):
        with suppress(SharpcamError, LookupError, TypeError, AttributeError, StopIteration):
            if same := chain.as_recorded(read_json(file, made_by="teacher")):
                return same
    return chain.settled()


def build_engine(paths: Paths, params: TeacherParams) -> Engine:
    """Where the networks compute. Workers of Ray have the GPU that they are given, the driver need not have one; what
    they compute in on the CPU is what is the fastest on the driver's."""
    device, precision = params.device, params.precision
    if params.executor == "ray":
        require_ray()
        on_gpu = params.ray.gpus_per_worker > 0
        device = ("cuda" if on_gpu else "cpu") if device == "auto" else device
        precision = "bf16" if on_gpu and precision == "auto" else precision
    return Engine(paths.bundled, paths.downloads, device, precision, paths.cache)


def start_executor(pending: list[Job], chain: Chain, params: TeacherParams, cache: StepCache) -> Iterator[Result]:
    """The results of `pending`, once they are asked for, from this process or from workers of Ray."""
    if params.executor == "ray":
        shared = replace(cache, folder=cache.folder.absolute())
        return ray_results(pending, chain, params=params.ray, cache=shared)
    if pending:
        print(estimate(pending, chain), flush=True)
    return local_results(pending, chain, cache=cache)


def find_jobs(clip: Path, chain: Chain, paths: Paths) -> list[Job]:
    """A job for each frame of the clip, by a chain that knows its camera. Raises SharpcamError for a damaged one."""
    recipe = chain.fingerprint() + neighbours(clip, chain)
    noted = noted_hashes(clip)
    keys = FileNotes(paths.cache / "files/keys" / f"{clip.name}.json", given=sha256_of_json([recipe, noted]))

    def key(raw: Path) -> str:
        data = raw.read_bytes()
        require_unchanged(raw, data, noted)
        return sha256_of_bytes(data + recipe.encode())

    jobs = [Job(raw, paths.teacher / clip.name / raw.name, keys.of(raw, key), chain.dials) for raw in find_frames(clip)]
    keys.keep()
    return jobs


def find_pending(clip: Path, jobs: Iterable[Job], known: dict[str, Status], paths: Paths) -> list[Job]:
    """Those of a clip's `jobs` whose picture is not there, not whole, or made of other raw bytes or another recipe."""
    hashes = FileNotes(paths.cache / "files/pictures" / f"{clip.name}.json")

    def is_done(job: Job) -> bool:
        status = known.get(job.key)
        return status is not None and job.output.is_file() and hashes.of(job.output, sha256) == status.output

    pending = [job for job in jobs if not is_done(job)]
    hashes.keep()
    return pending


def remove_orphans(paths: Paths) -> None:
    """Remove teacher pictures whose clip or frame is gone from data/raw."""
    for clip in find_clips(paths.teacher):
        if not (paths.raw / clip.name).is_dir():
            remove_tree(clip)
            continue
        for picture in find_frames(clip):
            if not (paths.raw / clip.name / picture.name).exists():
                picture.unlink()


def compute(results: Iterator[Result], *, log: Path, known: dict[str, Status], total: int) -> dict[str, str]:
    """Write each of the `total` results, noting it in `known` and `log` once it is; gives frame -> what failed."""
    failures: dict[str, str] = {}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as lines, progress_bar(what="teacher", total=total) as bar:
        end_cut_line(log, lines)
        for job, outcome in results:
            if isinstance(outcome, SharpcamError):
                failures[job.name] = str(outcome)
            else:
                known[job.key] = status_of(job, outcome)
                lines.write(json.dumps(asdict(known[job.key])) + "\n")
                lines.flush()
            bar.update()
    return failures


def check_sizes(pending: list[Job], chain: Chain) -> None:
    """Raise SharpcamError, before the first frame is computed, where the chain cannot end at the target's size."""
    frame = first_readable(pending)
    if frame is not None:
        chain.check(size=(frame.shape[1], frame.shape[0]))


def record_backends(folder: Path, chain: Chain) -> None:
    """Begin the chain.json of a clip that has none: a run that is killed goes on in the same backends."""
    if not (folder / "chain.json").exists():
        write_recipe(folder, [], chain, {})


def write_recipe(folder: Path, jobs: list[Job], chain: Chain, known: dict[str, Status]) -> None:
    """chain.json beside the pictures of a clip: the recipe with the dials of its camera, key and hash of each picture,
    and the frames that the guard kept out of training."""
    done = {job.raw.stem: known[job.key] for job in jobs if job.key in known}
    frames = {stem: [status.key, status.output] for stem, status in done.items()}
    kept_out = {stem: list(status.glitches) for stem, status in done.items() if status.glitches}
    write_json(folder / "chain.json", chain.recipe() | {"frames": frames, "kept_out": kept_out})


def summarise(jobs: list[Job], pending: list[Job], known: dict[str, Status], failures: dict[str, str]) -> None:
    """Say what was done. Raises SharpcamError where a frame failed."""
    kept_out = sum(bool(known[job.key].glitches) for job in jobs if job.key in known)
    print(
        f"teacher: {len(jobs)} frames, {len(pending) - len(failures)} computed, {len(jobs) - len(pending)} up to date, "
        f"{kept_out} kept out by the guard, {len(failures)} failed",
        flush=True,
    )
    if failures:
        raise SharpcamError(f"{len(failures)} of {len(jobs)} frames failed: " + " ".join(list(failures.values())[:5]))
