"""Two real workers of Ray give the files of the local executor, whoever dies in between."""

import os
import signal
import socket
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from making import brightness_estimator, make_clip, photo, tree, undecodable, until

import pipeline
import training
from benchmarks.random_weights import write_random_restorer
from pipeline.core.clips import find_clips
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import decode_frame
from pipeline.teacher import ray_workers
from pipeline.teacher.cache import StepCache
from pipeline.teacher.chain import build_chain
from pipeline.teacher.executor import Finished, Job, local_results
from pipeline.teacher.ray_executor import ray_results
from pipeline.teacher.ray_workers import WorkerPool, keep_weights
from pipeline.teacher.stage import build_engine, find_jobs, teacher

try:
    import ray
except ImportError:
    ray = None

needs_ray = pytest.mark.skipif(ray is None, reason='Ray is not installed: "pip install -r requirements-cluster.txt"')
CHAIN = [{"crop": {}}, {"restorer": {}}, {"resize": {}}, {"unsharp": {}}]


@pytest.fixture(scope="module")
def cluster():
    """A real Ray with room for two workers; gives its address."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    context = ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"py_modules": [pipeline, training], "excludes": ["__pycache__"]},
    )
    yield context.address_info["gcs_address"]
    ray.shutdown()


@pytest.fixture
def clips(project):
    """Two clips of six frames, and a small restorer that takes their dials."""
    project.change(teacher={"chain": "mine", "executor": "ray", "device": "cpu", "chains": {"mine": CHAIN}})
    write_random_restorer(project.paths.bundled / "restorer.safetensors", width=8, dials=True)
    project.paths.estimator.write_bytes(brightness_estimator())
    for clip in range(2):
        make_clip(project.paths, f"clip{clip}", [photo(64, 80, seed=10 * clip + i) for i in range(6)])
    return project


@pytest.fixture
def without_network(clips):
    """The same with a chain that needs no torch, which takes a worker seconds to import."""
    clips.change(teacher={"chain": "classical"})
    return clips


def work(clips):
    """The chain and all jobs."""
    params = clips.params
    chain = build_chain(
        params.teacher, geometry=params.geometry, engine=build_engine(clips.paths, params.teacher)
    ).settled()
    return chain, [job for clip in find_clips(clips.paths.raw) for job in find_jobs(clip, chain, clips.paths)]


def locally(clips):
    """The files of the local executor; then all as it was before it, but for what it measured."""
    clips.change(teacher={"executor": "local"})
    teacher(clips.paths, clips.params)
    files = tree(clips.paths.teacher)
    for path in (clips.paths.teacher, clips.paths.logs, clips.paths.cache / "teacher"):
        path.rename(path.with_name(f"{path.name}-of-local-run"))
    clips.change(teacher={"executor": "ray"})
    return files


def assert_same(found, expected):
    """The same files; pictures of two executors may differ by one grey level, where threads add in another order."""
    assert found.keys() == expected.keys()
    for name, data in found.items():
        if name.endswith(".png"):
            levels = [decode_frame(png, name=name).astype(int) for png in (data, expected[name])]
            assert np.abs(levels[0] - levels[1]).max() <= 1
        else:
            assert data == expected[name]


def worker_pids():
    return [process.pid for process in psutil.Process().children(recursive=True) if "ray::Worker" in title_of(process)]


def title_of(process):
    """What it calls itself; nothing once it has ended."""
    try:
        return process.name() + " ".join(process.cmdline()[:1])
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_two_workers_give_the_files_of_the_local_executor(clips, capsys):
    expected = locally(clips)
    teacher(clips.paths, clips.params)
    said = capsys.readouterr().out
    assert "12 frames through the chain" in said
    assert "2 workers of Ray" in said
    assert "12 computed, 0 up to date" in said
    assert_same(tree(clips.paths.teacher), expected)
    teacher(clips.paths, clips.params)
    assert "0 computed, 12 up to date" in capsys.readouterr().out


@needs_ray
def test_an_address_reaches_a_cluster_that_finds_code_and_weights(clips, cluster):
    clips.change(teacher={"ray": {"address": cluster, "workers": 1}})
    done = clips.run("pipeline.teacher")
    assert done.returncode == 0, done.stderr
    assert len(list(clips.paths.teacher.rglob("*.png"))) == 12


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_worker_killed_in_the_middle_loses_nothing(without_network):
    clips = without_network
    chain, jobs = work(clips)
    cache = StepCache((clips.paths.cache / "teacher").absolute(), 0)
    before = set(worker_pids())
    results = ray_results(jobs, chain, params=clips.params.teacher.ray, cache=cache)
    done = [next(results)]
    killed = sorted(set(worker_pids()) - before)[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(killed))
    done += list(results)
    assert sorted(job.name for job, _ in done) == [job.name for job in jobs]
    pictures = {job.name: outcome.png for job, outcome in done}
    assert_same(pictures, {job.name: outcome.png for job, outcome in local_results(jobs, chain, cache=None)})


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_broken_frame_fails_by_name_after_the_others_are_done(without_network):
    clips = without_network
    (clips.paths.raw / "clip0" / "000003.png").write_bytes(undecodable(photo(64, 80)))
    with pytest.raises(SharpcamError, match=r"1 of 12 frames failed: .*clip0/000003\.png is a broken PNG file"):
        teacher(clips.paths, clips.params)
    assert len(list(clips.paths.teacher.rglob("*.png"))) == 11


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_cluster_without_room_for_a_worker_is_one_sentence(clips):
    clips.change(teacher={"ray": {"cpus_per_worker": 64}})
    with pytest.raises(SharpcamError, match="No machine of the Ray cluster has 64 CPUs and 0 GPUs"):
        teacher(clips.paths, clips.params)
    assert list(clips.paths.teacher.rglob("*.png")) == []


@needs_ray
def test_a_cluster_without_a_token_is_refused(clips, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        clips.change(teacher={"ray": {"address": f"127.0.0.1:{listening.getsockname()[1]}"}})
        monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "no token"))
        done = clips.run("pipeline.teacher")  # this process may be connected already
    assert done.returncode == 1
    assert "runs anybody's code" in done.stderr
    assert '"ray get-auth-token --generate"' in done.stderr


def test_an_address_where_nobody_listens_is_one_sentence(clips):
    clips.change(teacher={"ray": {"address": "127.0.0.1:1"}})
    done = clips.run("pipeline.teacher")
    assert done.returncode == 1
    assert "Could not reach Ray at 127.0.0.1:1" in done.stderr
    assert 'Start it with "ray start --head"' in done.stderr
    assert list(clips.paths.teacher.rglob("*.png")) == []


def test_without_ray_the_stage_says_what_to_install_and_writes_nothing(clips, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SharpcamError, match=r'"pip install -r requirements-cluster\.txt".*executor: local'):
        teacher(clips.paths, clips.params)
    assert not clips.paths.teacher.exists()


@needs_ray
def test_weights_that_a_worker_lacks_are_sent_to_it(clips, tmp_path, monkeypatch):
    chain, jobs = work(clips)
    away = clips.paths.bundled.rename(tmp_path / "away")
    monkeypatch.setattr(ray_workers.tempfile, "gettempdir", lambda: str(tmp_path))
    expected = chain.moved(away).fingerprint()
    worker = ray_workers.Worker(chain, cache=StepCache(tmp_path / "none/teacher", 0), fingerprint=expected, threads=2)
    assert "No " in worker.start()
    content = (away / "restorer.safetensors").read_bytes()
    assert worker.start(("restorer.safetensors",), b"other weights")
    assert worker.start(("restorer.safetensors",), content) == ""
    assert isinstance(worker.finish(jobs[0].raw.read_bytes(), "frame"), Finished)
    assert worker.cache is None
    assert [path.name for path in keep_weights({}).iterdir()] == ["restorer.safetensors"]


class RayTaskError(Exception): ...


class RayError(Exception): ...


class Cluster:
    """Stands for Ray: what workers are asked is answered when somebody waits for it; the dead answer nothing."""

    exceptions = SimpleNamespace(RayTaskError=RayTaskError, RayError=RayError)

    def __init__(self, *, start=lambda: "", finish=lambda name: name):
        self.hired = 0
        self.answers = {"start": start, "finish": finish}

    def hire(self):
        self.hired += 1
        return SimpleNamespace(
            start=SimpleNamespace(remote=lambda *_sent: ("start", object(), ())),
            finish=SimpleNamespace(remote=lambda _data, name, _dials: ("finish", object(), (name,))),
        )

    def wait(self, references, timeout):
        assert timeout > 0
        return references[:1], references[1:]

    def get(self, reference):
        kind, _, arguments = reference
        answer = self.answers[kind](*arguments)
        if answer == "dies":
            raise RayError
        return answer


@pytest.fixture
def jobs(tmp_path):
    for index in range(6):
        (tmp_path / f"{index}.png").touch()
    return [Job(tmp_path / f"{index}.png", tmp_path / "out", "") for index in range(6)]


def test_a_frame_over_which_every_worker_dies_fails_alone(jobs):
    cluster = Cluster(finish=lambda name: "dies" if name.endswith("3.png") else "done")
    crew = WorkerPool(cluster, cluster.hire, weights=[], count=2, most_in_hand=2)
    outcomes = {job.raw.name: outcome for job, outcome in crew.results(jobs)}
    assert len(outcomes) == 6
    assert "3 workers of Ray died over it" in str(outcomes.pop("3.png"))
    assert set(outcomes.values()) == {"done"}
    assert cluster.hired == 2 + 3


def test_workers_that_die_at_the_start_end_the_stage(jobs):
    cluster = Cluster(start=lambda: "dies")
    with pytest.raises(SharpcamError, match="died 3 times while they started"):
        list(WorkerPool(cluster, cluster.hire, weights=[], count=2, most_in_hand=2).results(jobs))


def test_what_hinders_a_worker_is_said(jobs):
    cluster = Cluster(start=lambda: "the GPU has no bf16.")
    with pytest.raises(SharpcamError, match="A worker of Ray cannot start: the GPU has no bf16"):
        list(WorkerPool(cluster, cluster.hire, weights=[], count=2, most_in_hand=2).results(jobs))
