"""What tests make: tiny projects, pictures and videos, and stages as processes of their own."""

import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml

from pipeline.core.params import Params, load_params
from pipeline.core.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
FORKS = multiprocessing.get_context("forkserver")  # pays once for the seconds that importing torch and MLflow takes
FORKS.set_forkserver_preload(
    ["mlflow.store.tracking.sqlalchemy_store", "pipeline.capture.demo", "pipeline.train.stage"]
)

# What differs from params.yaml in a tiny project: all stages together take seconds.
TINY = {
    "seed": 7,
    "geometry": {"width": 160, "height": 128, "scale": 2, "fit": "crop"},
    "capture": {
        "source": "demo",
        "clip": "",
        "frames": 12,
        "every": 1,
        "camera": {"width": 80, "height": 60, "warmup_frames": 2},
        "demo": {"clips": 3, "frames": 3, "fps": 10, "real_frames": 0},
    },
    "teacher": {"chain": "classical", "executor": "local"},
    "split": {"validation_share": 0.25, "gap_frames": 1},
    "train": {
        "model": "student_s",
        "start_from": "scratch",
        "epochs": 3,
        "crops_per_epoch": 64,
        "batch_size": 8,
        "crop_px": 16,
        "precision": "32-true",
        "devices": 1,
        "num_nodes": 1,
    },
    "export": {"parity_frames": 2},
    "evaluate": {"sample_frames": 2, "speed_runs": 2, "family_photographs": 0},
}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with the nested `changes`; lists and whole chains are replaced."""
    both = dict(base)
    for key, value in changes.items():
        both[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return both


class Project:
    """A sharpcam project in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = Paths(root)

    @property
    def params(self) -> Params:
        return load_params(self.paths.params)

    def change(self, **sections: Any) -> Params:
        """Change params.yaml: `project.change(train={"epochs": 1})`."""
        content = yaml.safe_load(self.paths.params.read_text())
        self.paths.params.write_text(yaml.safe_dump(merged(content, sections)))
        return self.params

    def start(self, module: str, *arguments: str) -> "subprocess.Popen[str]":
        """`python -m module` in this project, as a process of its own."""
        return self._popen(sys.executable, "-m", module, *arguments)

    def run(self, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`python -m module` in this project, to its end."""
        return self.call(sys.executable, "-m", module, *arguments)

    def fork(self, stage: str) -> Any:
        """The stage as a process of its own that has its imports already; what it says is in `logs/<stage>.txt`."""
        process = FORKS.Process(target=_run_stage, args=(self.root, stage, dict(os.environ)))
        process.start()
        return process

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command in this project, to its end."""
        process = self._popen(*command)
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _popen(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _run_stage(root: Path, stage: str, environment: dict[str, str]) -> None:
    os.chdir(root)
    os.environ.clear()  # the fork server has that of the test which was its first
    os.environ.update(environment)
    Path("logs").mkdir(exist_ok=True)
    said = os.open(f"logs/{stage}.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(said, sys.stdout.fileno())
    os.dup2(said, sys.stderr.fileno())
    from pipeline.core.command import run_stage

    sys.exit(run_stage(stage, getattr(importlib.import_module(f"pipeline.{stage}.stage"), stage)))


def tiny_project(root: Path) -> Project:
    """A new project: params.yaml, a git repository with one commit, no data."""
    root.mkdir(parents=True)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (root / "params.yaml").write_text(yaml.safe_dump(merged(params, TINY)))
    git(root, "init", "-q", "--template=")
    git(root, "add", "params.yaml")
    git(root, "commit", "-qm", "start")
    return Project(root)


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def until(condition: Callable[[], Any], *, patience_s: float = PATIENCE_S) -> None:
    """Wait until `condition` holds."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > patience_s:
            raise TimeoutError(f"waited {patience_s} s in vain")
        time.sleep(0.005)


def kill(process: "subprocess.Popen[str]") -> None:
    """kill -9, and wait until it is gone."""
    process.kill()
    process.communicate(timeout=PATIENCE_S)


def photo(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """A picture (height, width, 3) uint8 with edges, slopes and texture."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / random.uniform(2, 9) + y / random.uniform(3, 11) + random.uniform(0, 6)) for _ in range(3)]
    squares = ((x // 9 + y // 7) % 2)[..., None] * random.uniform(20, 60, 3)
    picture = 110 + 40 * np.stack(waves, axis=-1) + squares + random.normal(0, 3, (height, width, 3))
    return picture.clip(0, 255).astype(np.uint8)


def brightness_estimator(*, sure: float = 1.0) -> bytes:
    """An estimator (ONNX) that takes the mean of a picture for each of its dials, and its weight is `sure`."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, "h", "w"])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("values", "weights")]
    constants = {"axes": np.array([1, 2, 3]), "four": np.ones((1, 4), np.float32), "sure": np.float32(sure)}
    nodes = [
        helper.make_node("ReduceMean", ["frame", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "four"], ["values"]),
        helper.make_node("Mul", ["sure", "four"], ["weights"]),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "estimator", [frame], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"prior_weights": "[1, 1, 1, 1]"})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def make_video(path: Path, frames: list[np.ndarray], *, fps: int = 25, codec: str = "ffv1") -> Path:
    """A video of `frames`; ffv1 keeps every bit (in .mkv)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def make_clip(paths: Paths, name: str, frames: list[np.ndarray], **known: Any) -> Path:
    """A clip in data/raw, as `capture` leaves it."""
    from pipeline.core.clips import frame_name
    from pipeline.core.files import write_json
    from pipeline.core.frames import write_frame

    clip = paths.raw / name
    for index, frame in enumerate(frames):
        write_frame(clip / frame_name(index), frame)
    write_json(clip / "clip.json", {"source": "folder", "frames": len(frames)} | known)
    return clip


def flipped(data: bytes) -> bytes:
    """`data` with one bit flipped in its middle, as a disk or a cable does."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def undecodable(frame: np.ndarray) -> bytes:
    """A PNG whose header and checksums are right, and which no decoder reads: half of its pixels are missing."""
    from pipeline.core.frames import encode_frame

    pixels = zlib.compress(bytes(frame.shape[0] // 2 * (1 + 3 * frame.shape[1])))[:-20]
    data = encode_frame(frame)
    chunk = b"IDAT" + pixels
    idat = len(pixels).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return data[: data.index(b"IDAT") - 4] + idat + data[-12:]


def tree(*folders: Path) -> dict[str, bytes]:
    """The bytes of every file below the folders, by path."""
    return {
        str(path.relative_to(folder.parent)): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line]
