"""Frames through workers of Ray, on this machine or on many. A worker is a process that holds the networks.

The code and, where a worker's machine lacks them, the weights travel through Ray; recordings and pictures stay with
the driver. A worker that dies loses nothing: what it had in hand is given to another, and it is replaced.
"""

import os
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2

import pipeline
import training
from pipeline.core.errors import SharpcamError
from pipeline.core.params import RayParams
from pipeline.teacher.cache import StepCache
from pipeline.teacher.chain import Chain
from pipeline.teacher.executor import FRAMES_AT_ONCE, Job, Outcome, Result, finish

MOST_TRIES = 3  # of a frame, or of a worker's start, before it is given up
KNOCK_S = 10
PATIENCE_S = 300  # for the first worker: its machine may have to load gigabytes


def require_ray() -> ModuleType:
    """The package ray, told to send no usage data. Raises SharpcamError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise SharpcamError(
            'The teacher\'s executor "ray" needs Ray. Run "pip install -r requirements-cluster.txt", '
            "or set teacher.executor: local in params.yaml."
        ) from None
    found: ModuleType = ray
    return found


def ray_results(pending: list[Job], chain: Chain, *, params: RayParams, cache: StepCache) -> Iterator[Result]:
    """Each job and what became of it, as workers finish them. Raises SharpcamError where Ray gives no worker."""
    if not pending:
        return
    chain = chain.settled()  # here, not on each worker's machine
    with connected(params.address) as ray:
        count = _count(ray, params)
        print(f'teacher: {len(pending)} frames through the chain "{chain.name}", {count} workers of Ray', flush=True)
        at_once = FRAMES_AT_ONCE if chain.uses_gpu else 1
        hire = _hiring(ray, params, chain, cache, at_once)
        crew = Crew(ray, hire, weights=chain.weight_paths(), count=count, most_in_hand=at_once + 1)
        try:
            yield from crew.results(pending)
        finally:
            crew.dismiss()


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray at `address`, or one of its own on this machine; one that is connected already stays so."""
    ray = require_ray()
    if ray.is_initialized():
        yield ray
        return
    try:
        _knock(address)
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            runtime_env={"py_modules": [pipeline, training], "excludes": ["__pycache__"]},
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SharpcamError(
            f"Could not reach Ray at {address or 'this machine'} ({reason}). Start it with "
            f'"ray start --head" and correct teacher.ray.address in params.yaml, or leave that empty.'
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at host:port: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _count(ray: Any, params: RayParams) -> int:
    """How many workers to start. Raises SharpcamError where no machine has room for one."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(_fitting(resources, params) for resources in nodes)
    if not room:
        raise SharpcamError(
            f"No machine of the Ray cluster has {params.cpus_per_worker} CPUs and {params.gpus_per_worker:g} GPUs for "
            f"a worker. Lower cpus_per_worker or gpus_per_worker under teacher.ray in params.yaml."
        )
    return min(room, params.workers or room)


def _fitting(resources: dict[str, float], params: RayParams) -> int:
    by_cpu = int(resources.get("CPU", 0) / params.cpus_per_worker)
    return min(by_cpu, int(resources.get("GPU", 0) / params.gpus_per_worker)) if params.gpus_per_worker else by_cpu


def _hiring(ray: Any, params: RayParams, chain: Chain, cache: StepCache, at_once: int) -> Callable[[], Any]:
    """What starts a worker."""
    kind = ray.remote(
        num_cpus=params.cpus_per_worker, num_gpus=params.gpus_per_worker, max_concurrency=at_once, max_restarts=0
    )(Worker)
    return lambda: kind.remote(chain, cache=cache, fingerprint=chain.fingerprint(), threads=params.cpus_per_worker)


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

    def finish(self, data: bytes, name: str) -> Outcome:
        """See executor.finish."""
        return finish(data, name=name, chain=self.chain, cache=self.cache)


def _set_torch_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def keep_weights(files: dict[str, bytes]) -> Path:
    """Write weights to a folder of this machine; they are verified when they are used, like all others."""
    folder = Path(tempfile.gettempdir()) / "sharpcam-weights"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        partial = folder / f".{name}.{os.getpid()}"  # another worker may be doing the same
        partial.write_bytes(content)
        partial.replace(folder / name)
    return folder


@dataclass(eq=False)
class Member:
    """A worker, as the driver knows it."""

    actor: Any
    has_weights: bool = False  # sent by the driver
    ready: bool = False
    in_hand: int = 0


class Crew:
    """The workers, what each has in hand, and replacements for those that die."""

    def __init__(
        self, ray: Any, hire: Callable[[], Any], *, weights: list[Path], count: int, most_in_hand: int
    ) -> None:
        self.ray = ray
        self.hire = hire
        self.weights = weights
        self.most_in_hand = most_in_hand
        self.members: list[Member] = []
        self.starting: dict[Any, Member] = {}
        self.running: dict[Any, tuple[Member, Job]] = {}
        self.tries: Counter[str] = Counter()  # by frame: how often a worker died with it in hand
        self.failed_starts = 0
        for _ in range(count):
            self._start(Member(hire()))

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

    def _start(self, member: Member, *sent: Any) -> None:
        self.starting[member.actor.start.remote(*sent)] = member

    def _hand_out(self, waiting: deque[Job]) -> None:
        for member in self.members * self.most_in_hand:
            if waiting and member.in_hand < self.most_in_hand:
                job = waiting.popleft()
                self.running[member.actor.finish.remote(job.raw.read_bytes(), str(job.raw))] = member, job
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
        self._start(Member(self.hire()))

    def _finished(self, reference: Any, waiting: deque[Job]) -> Iterator[Result]:
        member, job = self.running.pop(reference)
        member.in_hand -= 1
        outcome = self._answer(reference)
        if outcome is not None:
            yield job, outcome
            return
        if member in self.members:
            self.members.remove(member)
            self._start(Member(self.hire()))
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
