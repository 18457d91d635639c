"""Workers of a Ray cluster that compute frames: started, fed, and replaced where they are lost."""

import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes
from pipeline.student.dials import Dials
from pipeline.teacher.cache import StepCache
from pipeline.teacher.chain import Chain
from pipeline.teacher.executor import Job, Outcome, Result, finish

PATIENCE_S = 300  # for the first worker: its machine may have to load gigabytes
MOST_TRIES = 3  # of a frame, or of a worker's start, before it is given up


class Worker:
    """Finishes frames in a process of its own, on any machine."""

    def __init__(self, chain: Chain, *, cache: StepCache, fingerprint: str, threads: int) -> None:
        self.chain = chain
        self.cache = cache if cache.folder.parent.is_dir() else None  # the driver's machine, or a shared file system
        self.fingerprint = fingerprint
        self.threads = threads

    def start(self, names: tuple[str, ...] = (), *contents: bytes) -> str:
        """Make ready, with weights that the driver sent if there are any; what hinders it in words, or nothing."""
        cv2.setNumThreads(self.threads)
        try:
            if names:
                self.chain = self.chain.moved(keep_weights(dict(zip(names, contents, strict=True))))
            if self.chain.fingerprint() != self.fingerprint:
                return "its weights are not those of the driver"
            if any(step.is_network for _, step in self.chain.steps):
                _set_torch_threads(self.threads)
            self.chain.load()
        except SharpcamError as error:
            return str(error)
        return ""

    def finish(self, data: bytes, name: str, dials: Dials | None = None) -> Outcome:
        """See executor.finish."""
        return finish(data, name=name, dials=dials, chain=self.chain, cache=self.cache)


def _set_torch_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def keep_weights(files: dict[str, bytes]) -> Path:
    """Write weights to a folder of this machine; they are verified when they are used, like all others."""
    folder = Path(tempfile.gettempdir()) / "sharpcam-weights"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        write_bytes(folder / name, content, synced=False)  # another worker may be doing the same
    return folder


@dataclass(eq=False)
class WorkerHandle:
    """A worker, as the driver knows it."""

    actor: Any
    has_weights: bool = False  # sent by the driver
    ready: bool = False
    in_hand: int = 0


class WorkerPool:
    """The workers, what each has in hand, and replacements for those that die."""

    def __init__(
        self, ray: Any, hire: Callable[[], Any], *, weights: list[Path], count: int, most_in_hand: int
    ) -> None:
        self.ray = ray
        self.hire = hire
        self.weights = weights
        self.most_in_hand = most_in_hand
        self.members: list[WorkerHandle] = []
        self.starting: dict[Any, WorkerHandle] = {}
        self.running: dict[Any, tuple[WorkerHandle, Job]] = {}
        self.tries: Counter[str] = Counter()  # by frame: how often a worker died with it in hand
        self.failed_starts = 0
        for _ in range(count):
            self._start(WorkerHandle(hire()))

    def results(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Each job and what became of it, in the order in which they are finished."""
        waiting = deque(jobs)
        while waiting or self.running:
            self._hand_out(waiting)
            for reference in self._next():
                if reference in self.starting:
                    self._started(reference)
                else:
                    yield from self._finished(reference, waiting)

    def dismiss(self) -> None:
        """End all workers."""
        for member in [*self.members, *self.starting.values()]:
            self.ray.kill(member.actor)

    def _start(self, member: WorkerHandle, *sent: Any) -> None:
        self.starting[member.actor.start.remote(*sent)] = member

    def _hand_out(self, waiting: deque[Job]) -> None:
        for member in self.members * self.most_in_hand:
            if waiting and member.in_hand < self.most_in_hand:
                job = waiting.popleft()
                self.running[member.actor.finish.remote(job.raw.read_bytes(), str(job.raw), job.dials)] = member, job
                member.in_hand += 1

    def _next(self) -> list[Any]:
        """What is done next. Raises SharpcamError where nobody works and nobody comes."""
        done, _ = self.ray.wait([*self.running, *self.starting], timeout=PATIENCE_S)
        if not done and not self.members:
            raise SharpcamError(
                f'Ray gave no worker in {PATIENCE_S} s. See whether others use the cluster: run "ray status".'
            )
        return list(done)

    def _started(self, reference: Any) -> None:
        member = self.starting.pop(reference)
        hindrance = self._answer(reference)
        if hindrance is None:
            self._replace_one_that_never_started()
        elif not hindrance:
            self.members.append(member)
        elif member.has_weights or not self.weights:
            raise SharpcamError(f"A worker of Ray cannot start: {hindrance}")
        else:
            member.has_weights = True
            self._start(member, tuple(path.name for path in self.weights), *self._sent_weights)

    @cached_property
    def _sent_weights(self) -> list[Any]:
        """The files in Ray's store, once for all workers."""
        return [self.ray.put(path.read_bytes()) for path in self.weights]

    def _replace_one_that_never_started(self) -> None:
        self.failed_starts += 1
        if self.failed_starts >= MOST_TRIES:
            raise SharpcamError(f"Workers of Ray died {MOST_TRIES} times while they started. Look into Ray's logs.")
        self._start(WorkerHandle(self.hire()))

    def _finished(self, reference: Any, waiting: deque[Job]) -> Iterator[Result]:
        member, job = self.running.pop(reference)
        member.in_hand -= 1
        outcome = self._answer(reference)
        if outcome is not None:
            yield job, outcome
            return
        if member in self.members:
            self.members.remove(member)
            self._start(WorkerHandle(self.hire()))
        self.tries[job.name] += 1
        if self.tries[job.name] < MOST_TRIES:
            waiting.append(job)
        else:
            yield job, SharpcamError(f"{job.raw}: {MOST_TRIES} workers of Ray died over it, maybe for want of memory.")

    def _answer(self, reference: Any) -> Any:
        """What the worker gave; None if it died first. An error in its code is raised here as well."""
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError:
            raise
        except self.ray.exceptions.RayError:
            return None
