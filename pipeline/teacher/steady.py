"""Clips fused through time before the chain: offline a frame may see what came before it and what comes after.

Both ways of pipeline/student/calm.py are joined: with gains g and h of the forward and the backward mean, which both
hold the frame x itself, it is (F / g + B / h - x) / (1 / g + 1 / h - 1), again a mean with weights in 0..1.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.clip_hashes import noted_hashes
from pipeline.core.clips import find_frames, move_whole, unfinished
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import Frame, to_uint8
from pipeline.core.hashing import sha256, sha256_of_json
from pipeline.core.paths import Paths
from pipeline.core.progress import progress_bar
from pipeline.student.calm import DEFINITION, FRACTION, STEPS, Calm, per_pixel
from pipeline.teacher.chain import Chain
from pipeline.teacher.executor import Job
from pipeline.teacher.steps import AHEAD, WINDOW, Steady


class OneWay(NamedTuple):
    """What a mean over one direction holds at a frame."""

    picture: NDArray[np.float32]  # (h, w, 3), levels
    gain: NDArray[np.float32]  # (h, w, 1), above 0 to 1: the weight of the frame itself


def neighbours(clip: Path, chain: Chain) -> str:
    """A hash of all frames of `clip`, where the chain fuses each with its neighbours; else nothing."""
    if strength_of(chain) == 0:
        return ""
    noted = noted_hashes(clip)
    return sha256_of_json([[file.name, noted.get(file.name) or sha256(file)] for file in find_frames(clip)])


def with_fused(pending: Sequence[Job], chain: Chain, paths: Paths) -> list[Job]:
    """`pending` on the fused frames of their clips, which are written to the cache; the same where nothing is fused.

    Raises SharpcamError for a frame that is not a picture.
    """
    strength = strength_of(chain)
    if strength == 0:
        return list(pending)
    noises = {job.raw.parent: Calm.noise if job.dials is None else job.dials.noise for job in pending}
    folders = {clip: place(clip, chain, strength, noise, paths) for clip, noise in noises.items()}
    missing = {clip: folder for clip, folder in folders.items() if not folder.is_dir()}
    with progress_bar(what="steady", total=sum(len(find_frames(clip)) for clip in missing)) as bar:
        for clip, folder in missing.items():
            write_fused(clip, folder, strength=strength, noise=noises[clip], done=bar.update)
    return [replace(job, raw=folders[job.raw.parent] / job.raw.name) for job in pending]


def strength_of(chain: Chain) -> float:
    """How much its first step fuses; 0 where that is another one."""
    first = chain.steps[0][1]
    return first.calm if isinstance(first, Steady) else 0.0


def folder_of(paths: Paths) -> Path:
    """Where fused frames lie until the stage has ended."""
    return paths.cache / "steady"


def forget(paths: Paths) -> None:
    """Remove all fused frames: what was made of them is there."""
    shutil.rmtree(folder_of(paths), ignore_errors=True)


def place(clip: Path, chain: Chain, strength: float, noise: float, paths: Paths) -> Path:
    """Where the fused frames of a clip lie: named by all that they depend on."""
    return folder_of(paths) / sha256_of_json([DEFINITION, strength, noise, neighbours(clip, chain)]) / clip.name


def write_fused(clip: Path, folder: Path, *, strength: float, noise: float, done: Callable[[], object]) -> None:
    """Write all frames of `clip`, fused, to `folder`, in one move. Raises SharpcamError for what is not a picture."""
    files, part = find_frames(clip), unfinished(folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file, frame in zip(files, both_ways(files, strength=strength, noise=noise), strict=True):
        write_frame(part / file.name, frame)
        done()
    move_whole(part, folder, synced=False)


def both_ways(files: Sequence[Path], *, strength: float, noise: float) -> Iterator[Frame]:
    """The frames of a clip in their order, each fused with those before it and up to so many after it."""
    forward = Calm(strength, noise)
    for start in range(0, len(files), WINDOW):
        frames = [read_frame(file) for file in files[start : start + WINDOW + AHEAD]]
        before = [one_way(forward, frame) for frame in frames[:WINDOW]]
        backward = Calm(strength, noise)
        after = [one_way(backward, frame) for frame in reversed(frames)][::-1]
        for frame, past, future in zip(frames, before, after, strict=False):
            yield joined(frame, past, future)


def one_way(stream: Calm, frame: Frame) -> OneWay:
    """The mean of `stream` once `frame` (h, w, 3) uint8 is in it."""
    shown, memory = stream.fuse(frame), stream.memory
    if memory is None:
        return OneWay(shown.astype(np.float32), np.ones((*frame.shape[:2], 1), np.float32))
    gain = per_pixel(memory.gain, *frame.shape[:2]).astype(np.float32) / np.float32(1 << STEPS)
    return OneWay(memory.picture.astype(np.float32) / np.float32(1 << FRACTION), gain[..., None])


def joined(frame: Frame, past: OneWay, future: OneWay) -> Frame:
    """Both means as one, in which the frame counts once."""
    total = past.picture / past.gain + future.picture / future.gain - frame
    mean = total / (1 / past.gain + 1 / future.gain - 1)
    return to_uint8(mean)
