"""`python -m app.standalone`: what it writes, what it replaces, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest
from making import ROOT, Project

from app.isolation import ISOLATION
from app.live import assets
from app.standalone import write_standalone
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256


@pytest.fixture(autouse=True)
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ort"
    folder.mkdir()
    for name in (*assets.FILES, f"{assets.FILES[-1]}.gz"):
        (folder / name).touch()
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "layers-simd.wasm").touch()
    monkeypatch.setattr(assets, "INTO", folder)
    monkeypatch.setattr(assets, "ENGINE", engine)
    return folder


@pytest.fixture
def students(project: Project) -> Project:
    for name in ("student_s", "student_m"):
        onnx = project.paths.bundled / f"{name}.onnx"
        onnx.parent.mkdir(parents=True, exist_ok=True)
        onnx.write_bytes(name.encode())
        web, int8 = (onnx.with_name(f"{name}{end}") for end in ("_web.bin", "_int8.onnx"))
        web.write_bytes(f"{name} for browsers".encode())
        int8.write_bytes(f"{name} as int8".encode())
        files = {file.name: sha256(file) for file in (onnx, web, int8)}
        onnx.with_suffix(".json").write_text(json.dumps({"model": name, "files": files}))
    project.paths.demo_clip.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/demo/box.webm", project.paths.demo_clip.parent)
    return project


def test_the_folder_holds_all_that_the_page_asks_for(students: Project) -> None:
    target = students.root / "dist"
    write_standalone(target, [], students.paths)
    options = json.loads((target / "options.json").read_text())
    assert [model["name"] for model in options["models"]] == ["bundled:student_m", "bundled:student_s"]
    for model in options["models"]:
        assert (target / model["contract"].partition("?")[0]).is_file()
        assert sha256(target / model["onnx"]) == model["sha256"]
        folder, stem = (target / model["onnx"]).parent, (target / model["onnx"]).stem
        names = {f"{stem}.onnx", f"{stem}.json", f"{stem}_web.bin"}
        assert {file.name for file in folder.iterdir()} == names, "no browser reads int8"
    assert (target / options["sample"]["url"]).is_file()
    assert options["capture"] is None
    assert {path.name for path in (target / "ort").iterdir()} == set(assets.FILES)
    assert [path.name for path in (target / "engine").iterdir()] == ["layers-simd.wasm"]
    assert set(options["base"]) == {"ort", "engine", "web"}
    assert (target / "web/player.mjs").is_file()
    for text in ((target / "_headers").read_text(), (target / "README.md").read_text()):
        assert all(f"{name}: {value}" in text for name, value in ISOLATION.items())


def test_only_the_models_that_are_named(students: Project) -> None:
    write_standalone(students.root / "dist", ["bundled:student_s", "bundled:student_s"], students.paths)
    options = json.loads((students.root / "dist/options.json").read_text())
    assert [model["name"] for model in options["models"]] == ["bundled:student_s"]


def test_it_replaces_its_own_folder_and_no_other(students: Project) -> None:
    target = students.root / "dist"
    write_standalone(target, [], students.paths)
    (target / "stale.txt").touch()
    write_standalone(target, [], students.paths)
    assert not (target / "stale.txt").exists()
    other = students.root / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("words")
    with pytest.raises(SharpcamError, match="nothing is overwritten"):
        write_standalone(other, [], students.paths)
    assert (other / "thesis.txt").read_text() == "words"
    (other / "options.json").write_text("of another program")
    for taken in (other, other / "thesis.txt"):
        with pytest.raises(SharpcamError, match="nothing is overwritten"):
            write_standalone(taken, [], students.paths)
    assert (other / "thesis.txt").read_text() == "words"


def test_what_fails_leaves_nothing_behind(students: Project, bundles: Path) -> None:
    target = students.root / "dist"
    with pytest.raises(SharpcamError, match="no model"):
        write_standalone(target, ["champion"], students.paths)
    (students.paths.bundled / "student_s.onnx").write_bytes(b"other")
    with pytest.raises(SharpcamError, match="hash differs"):
        write_standalone(target, [], students.paths)
    (bundles / assets.FILES[0]).unlink()
    with pytest.raises(SharpcamError, match="make setup"):
        write_standalone(target, [], students.paths)
    assert not [path for path in students.root.iterdir() if "dist" in path.name]
