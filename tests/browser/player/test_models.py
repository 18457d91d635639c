"""Students that must not run are sentences, and the others go on."""

import json
from pathlib import Path

import numpy as np
from onnx import helper
from player import (
    WASM,
    Open,
    constant_model,
    model_of,
    refused,
    start_camera,
    start_camera_again,
    write_student,
)


def test_models_that_must_not_run_are_sentences(open_player: Open, student: Path, tmp_path: Path) -> None:
    known = json.loads(student.read_text())["golden"]
    unknown = model_of([helper.make_node("Imagine", ["frame"], ["picture"], domain="sharpcam.test")])
    contracts = {
        "its hash differs": write_student(
            tmp_path / "changed.onnx", constant_model(1), golden=known, files={"changed.onnx": "0" * 64}
        ),
        "cannot run unknown": write_student(tmp_path / "unknown.onnx", unknown, golden=known),
        "gave values that are NaN or infinite": write_student(
            tmp_path / "nan.onnx", constant_model(np.nan), golden=known
        ),
        "gave a picture without content": write_student(tmp_path / "black.onnx", constant_model(0), golden=known),
        "fails its known-answer test": write_student(tmp_path / "other.onnx", constant_model(0.9), golden=known),
    }
    page = open_player([*contracts.values(), student], settings=WASM)
    for words, contract in contracts.items():
        page.locator("[data-name=model]").select_option(contract.stem)
        start_camera_again(page)
        assert words in refused(page)
        assert page.evaluate("streams.some((stream) => stream.active)") is False
    page.locator("[data-name=model]").select_option("first")
    start_camera(page)
