"""From a raw frame's file to the bytes of the teacher's picture, in this process; and the shape of that work anywhere.

An executor is a function from jobs to results. It never writes a picture: the stage does, whichever executor ran.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.frames import decode_frame, encode_frame
from pipeline.core.hashing import sha256_of_bytes
from pipeline.core.lookahead import map_ahead
from pipeline.student.dials import Dials
from pipeline.teacher.cache import StepCache
from pipeline.teacher.chain import Chain

FRAMES_AT_ONCE = 4  # beside a GPU: while it computes one, the others are decoded, resized, guarded and encoded


@dataclass(frozen=True)
class Job:
    """One frame to be computed."""

    raw: Path
    output: Path
    key: str  # hash of the raw bytes and the recipe
    dials: Dials | None = None  # of the camera that recorded the clip, for a chain that takes some

    @property
    def name(self) -> str:
        return f"{self.raw.parent.name}/{self.raw.stem}"


@dataclass(frozen=True)
class Finished:
    """A teacher's picture."""

    png: bytes
    glitches: tuple[str, ...]  # what the guard found; empty where the frame may be trained on
    seconds: float


Outcome = Finished | SharpcamError  # or what was wrong with the frame
Result = tuple[Job, Outcome]


def finish(data: bytes, *, name: str, dials: Dials | None, chain: Chain, cache: StepCache | None) -> Outcome:
    """What the chain, told the `dials` of the camera, makes of a raw frame, given as the bytes of its file.

    `name` is what errors call it.
    """
    started = time.perf_counter()
    try:
        frame = decode_frame(data, name=name)
        enhanced = chain.with_dials(dials).enhance(frame, cache=cache, key=sha256_of_bytes(data))
    except SharpcamError as error:
        return error
    return Finished(encode_frame(enhanced.frame), enhanced.glitches, time.perf_counter() - started)


def local_results(pending: Iterable[Job], chain: Chain, *, cache: StepCache | None) -> Iterator[Result]:
    """Each job and what became of it, in order, in this process.

    On the CPU a frame is begun once the one before has been taken, so that a kill costs at most one.
    """

    def run(job: Job) -> Result:
        return job, finish(job.raw.read_bytes(), name=str(job.raw), dials=job.dials, chain=chain, cache=cache)

    if not chain.uses_gpu:
        yield from map(run, pending)
        return
    yield from map_ahead(run, pending, threads=FRAMES_AT_ONCE, most=FRAMES_AT_ONCE)
