"""What npm brings for the live page."""

import gzip
import json
from pathlib import Path

import pytest
from making import ROOT

from app.live import assets
from pipeline.core.errors import SharpcamError


def test_the_runtime_is_laid_out_and_its_wasm_packed() -> None:
    for name in assets.FILES:
        file = assets.INTO / name
        assert file.is_file(), 'run "make setup"'
        if name.endswith(".wasm"):
            assert gzip.decompress(file.with_name(f"{name}.gz").read_bytes()) == file.read_bytes()


def test_the_kernels_are_those_of_their_source(tmp_path: Path) -> None:
    there = {file.name: file.read_bytes() for file in assets.ENGINE.iterdir()}
    layers = {f"layers-{tier}{end}.wasm" for tier in assets.TIERS for end in ("", "-shared")}
    assert set(there) == {*layers, "calm.wasm", "estimator.wasm"}
    assert sum(map(len, there.values())) < 30_000
    assets.compile_kernels(into=tmp_path, tiers={"relaxed": assets.TIERS["relaxed"]})
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert len(made) == 4
    assert made.items() <= there.items(), 'run "make setup"'


def test_a_compiler_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SharpcamError, match=r'could not be compiled .* "make setup"'):
        assets.compile_kernels(root=tmp_path, into=tmp_path / "engine")


def test_the_lock_file_pins_every_package_and_names_no_host() -> None:
    text = (ROOT / "package-lock.json").read_text()
    assert "resolved" not in text  # from which host; addresses in it are of projects that ask for money
    packages = {name: known for name, known in json.loads(text)["packages"].items() if name}
    assert packages["node_modules/onnxruntime-web"]["version"] == "1.30.0"
    assert all(known["version"] and known["integrity"] for known in packages.values())


def test_npms_failure_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SharpcamError, match="npm could not fetch"):
        assets.fetch(root=tmp_path, into=tmp_path / "ort")
    assert not (tmp_path / "ort").exists()
