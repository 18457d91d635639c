"""Records that are not what they should be: every reader takes them, or says one sentence; nothing else is raised."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from making import ROOT, Project, make_clip, photo
from mangled import FENCE, Change, as_json, fuzzed, mangled_bytes, mangled_record, several_bytes, several_values

from app import dvc_files, evaluation
from app.data import clips
from app.durations import last_durations
from app.jobs import job
from app.jobs.other_dvc import other_dvc
from app.jobs.progress import read_standing
from app.leftovers import end_leftovers
from pipeline import checks, cleanup, forecast
from pipeline.core.clip_hashes import changed_files, noted_hashes
from pipeline.core.command import runs_here
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.params import load_params
from pipeline.core.split_file import read_split
from pipeline.doctor.project import damage
from pipeline.enhance.manifest import Manifest
from pipeline.enhance.names import MANIFEST
from pipeline.enhance.tasks import Task
from pipeline.student import catalogue, contract
from pipeline.teacher.statuses import read_statuses
from pipeline.tracking import past_runs, registry
from pipeline.train.trainer import RunDirectory

A_CLIP = {"source": "camera", "frames": 2, "fps_reached": 9.5, "size": [40, 30]}
HASHED = {"000000.png": "ab" * 32, "clip.json": "cd" * 32}
CHAIN = {"frames": {"000000": ["ab" * 32, "cd" * 32]}, "kept_out": {"000000": ["flicker"]}, "chain": []}
SPLIT = {
    "rule": {"share": 0.2, "gap_frames": 1, "seed": 7},
    "training": {"one": ["000000", "000001"]},
    "validation": {"one": ["000003"]},
}
JOB = {"command": "repro", "arguments": ["train"], "lane": "pipeline", "asked": 1.5}
STATE = {"started": 2.5, "process": [12, 3.5], "ended": 4.5, "status": 0}
PROGRESS = {"stage": "train", "status": None, "what": "epochs", "done": 2, "total": 3, "left_s": 1.5}
DONE = {"frame": "two/000000", "key": "ab", "output": "cd", "glitches": ["flicker"], "seconds": 0.5}
RWLOCK = {"write": {"a": {"pid": 2**30, "cmd": "dvc"}}, "read": {"b": [{"pid": 2**30, "cmd": "dvc"}]}}
HOLDER = {"process": [2**30, 3.5], "watchers": [[2**30, 3.5]], "orphan": False}
SERVER = {"launcher": [2**30, 3.5], "server": [2**30, 3.5], "folder": [1, 2]}
TOOK = {"stage": "train", "started": 1.5, "seconds": 2.5, "status": "done"}
MADE = {"file": "a.png", "key": "ab", "enhanced_bytes": 2}
TASK = Task(Path("a.png"), Path("out/a.png"), "a.png")
JUDGED = {
    "methods": {"student": {"teacher": {"psnr": 31.5}}},
    "verdict": ["good", "why"],
    "gate": {"passed": True},
}
READERS: dict[str, tuple[str, Any, Callable[[Project], Any]]] = {
    "a clip": ("data/raw/one/clip.json", A_CLIP, lambda p: clips.all_clips(p.paths)),
    "hashes": ("data/raw/one/hashes.json", HASHED, lambda p: changed_files(p.paths.raw / "one")),
    "a teacher's clip": ("data/teacher/two/chain.json", CHAIN, lambda p: noted_hashes(p.paths.teacher / "two")),
    "what the teacher did": ("data/teacher/two/chain.json", CHAIN, lambda p: read_statuses(p.paths)),
    "the teacher's log": ("logs/teacher.jsonl", DONE, lambda p: read_statuses(p.paths)),
    "what dvc notes": (".dvc/tmp/rwlock", RWLOCK, lambda p: other_dvc(p.paths)),
    "who holds a stage": (".cache/locks/train.json", HOLDER, lambda p: runs_here("train", paths=p.paths)),
    "the last verification": (
        ".cache/verify.json",
        {"at": 1.5, "findings": 0, "files": 3},
        lambda p: [*damage(p.paths)],
    ),
    "a server's note": ("logs/mlflow-1.pid.json", SERVER, lambda _: end_leftovers("mlflow")),
    "measures of pairs": (
        ".cache/checks/one.json",
        {"state": "x", "frames": []},
        lambda p: checks.known_measures(p.paths.raw / "one", p.paths, p.params.geometry),
    ),
    "what enhance made": (f"out/{MANIFEST}", MADE, lambda p: Manifest(p.root / "out").is_done(TASK, "x")),
    "how long stages took": ("logs/durations.jsonl", TOOK, lambda p: last_durations(p.paths)),
    "the split": ("data/split.json", SPLIT, lambda p: read_split(p.paths)),
    "the split on a page": ("data/split.json", SPLIT, lambda p: clips.parts(p.paths)),
    "a job": ("logs/jobs/000001/request.json", JOB, lambda p: [each.title for each in job.jobs(p.paths)]),
    "a job's state": (
        "logs/jobs/000002/state.json",
        STATE,
        lambda p: [(e.state, e.seconds) for e in job.jobs(p.paths)],
    ),
    "a job's keeper": ("logs/jobs/000002/keeper.json", {"process": [1, 2.5]}, lambda p: job.jobs(p.paths)),
    "progress": ("progress.json", PROGRESS, lambda p: read_standing(p.root / "progress.json")),
    "the evaluation": ("metrics/evaluation.json", JUDGED, lambda p: evaluation.read_evaluation(p.paths)),
    "a training": (
        ".cache/training/x/run.json",
        {"run_id": "ab" * 16},
        lambda p: RunDirectory(p.root / ".cache/training/x").run_id(),
    ),
    "the versions": (".cache/registry.json", {"versions": []}, lambda p: registry.last_known_versions(p.paths)),
    "the runs": (".cache/runs.json", {"runs": []}, lambda p: past_runs.last_known_runs(p.paths)),
    "the clean-up": (".cache/cleanup.json", {"items": []}, lambda p: cleanup.known_list(p.paths)),
    "the forecast": (".cache/forecast.json", {"seconds": 3}, lambda p: forecast.known_forecast(p.paths, p.params)),
    "the trash": (".cache/trash/x/deleted.json", {"clip": "one", "when": 2.5}, lambda p: clips.deleted(p.paths)),
}


def read(reader: str, project: Project, data: bytes) -> None:
    """Have the reader read these bytes. Raises what it raises, but for a sentence."""
    name, _, reads = READERS[reader]
    take(project.root / name, data, lambda: reads(project), project.root)


def take(file: Path, data: bytes, reads: Callable[[], Any], folder: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    with FENCE.around(folder), suppress(SharpcamError):
        reads()


@pytest.fixture(scope="module")
def desk(begun_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project for all inputs: each writes its file anew."""
    made = Project(tmp_path_factory.mktemp("desk") / "project")
    shutil.copytree(begun_once.root, made.root)
    make_clip(made.paths, "one", [photo(30, 40, seed=seed) for seed in range(2)])
    write_json(made.paths.logs / "jobs/000002/request.json", JOB)
    return made


@pytest.mark.parametrize("reader", READERS)
def test_no_record_raises_anything_but_a_sentence(desk: Project, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    valid = READERS[reader][1]
    monkeypatch.chdir(desk.root)

    @fuzzed
    @given(several_values)
    def try_values(changes: list[Change]) -> None:
        read(reader, desk, as_json(mangled_record(valid, changes)))

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        read(reader, desk, mangled_bytes(as_json(valid), changes, head=400))

    try_values()
    try_bytes()


def test_no_params_raise_anything_but_a_sentence(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_bytes()
    valid, file = yaml.safe_load(text), tmp_path / "params.yaml"

    @fuzzed
    @given(several_values)
    def try_values(changes: list[Change]) -> None:
        take(file, as_json(mangled_record(valid, changes)), lambda: load_params(file), tmp_path)

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        take(file, mangled_bytes(text, changes, head=len(text)), lambda: load_params(file), tmp_path)

    try_values()
    try_bytes()


@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock"])
def test_no_file_of_dvc_raises_anything_but_a_sentence(project: Project, name: str) -> None:
    text = (ROOT / "dvc.yaml").read_bytes()
    reads = dvc_files.recipes if name == "dvc.yaml" else dvc_files.last_runs

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        data = mangled_bytes(text, changes, head=len(text))
        take(project.root / name, data, lambda: reads(project.paths), project.root)

    try_bytes()


@pytest.mark.parametrize("reader", [contract.read_contract, catalogue.read_contract])
def test_no_contract_raises_anything_but_a_sentence(tmp_path: Path, reader: Callable[[Path], Any]) -> None:
    for name in ("student_s.onnx", "student_s_int8.onnx", "student_s_web.bin"):
        (tmp_path / name).symlink_to(ROOT / "weights/bundled" / name)
    valid, file = json.loads((ROOT / "weights/bundled/student_s.json").read_text()), tmp_path / "student_s.json"

    @fuzzed
    @given(several_values)
    def try_values(changes: list[Change]) -> None:
        take(file, as_json(mangled_record(valid, changes)), lambda: reader(file), tmp_path)

    try_values()
