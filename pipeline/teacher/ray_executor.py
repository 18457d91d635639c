"""Frames through workers of Ray, on this machine or on many. A worker is a process that holds the networks.

The code and, where a worker's machine lacks them, the weights travel through Ray; recordings and pictures stay with
the driver. A worker that dies loses nothing: what it had in hand is given to another, and it is replaced.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pipeline
import training
from pipeline.core.errors import SharpcamError
from pipeline.core.params import RayParams
from pipeline.teacher.cache import StepCache
from pipeline.teacher.chain import Chain
from pipeline.teacher.executor import FRAMES_AT_ONCE, Job, Result
from pipeline.teacher.ray_workers import Worker, WorkerPool

KNOCK_S = 10


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
        crew = WorkerPool(ray, hire, weights=chain.weight_paths(), count=count, most_in_hand=at_once + 1)
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
        if address:
            _require_token(address)
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


def _require_token(address: str) -> None:
    """Raise SharpcamError where no token is here for a cluster: Ray lets everyone in who reaches one without."""
    named = Path(os.environ.get("RAY_AUTH_TOKEN_PATH", Path.home() / ".ray/auth_token"))
    if os.environ.get("RAY_AUTH_MODE", "token") == "token" and ("RAY_AUTH_TOKEN" in os.environ or named.is_file()):
        return
    raise SharpcamError(
        f"No token for Ray at {address}, which without one runs anybody's code. On its head, run "
        f'"ray stop", "ray get-auth-token --generate" and "ray start --head" again; copy ~/.ray/auth_token to {named}.'
    )


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
