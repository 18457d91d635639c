"""`python -m app.standalone`: what it writes, what it replaces, and what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from making import ROOT, Project

from app.isolation import ISOLATION
from app.live import assets, offline
from app.live.brief import brief
from app.live.slim import slim
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


@pytest.fixture
def shipped(students: Project) -> Project:
    """A student as it ships, beside one without a web form."""
    for file in (ROOT / "weights/bundled").glob("student_s*"):
        shutil.copy(file, students.paths.bundled)
    return students


def test_a_brief_contract_holds_what_the_page_needs_first(shipped: Project) -> None:
    target = shipped.root / "dist"
    write_standalone(target, [], shipped.paths)
    options = json.loads((target / "options.json").read_text())
    plain, short = options["models"]
    assert (plain["name"], short["name"], options["light"]) == ("bundled:student_m", "bundled:student_s", plain["name"])
    assert "brief" not in plain, "ONNX Runtime has to run it"
    file = target / short["brief"]
    content, whole = (json.loads(Path(each).read_text()) for each in (file, file.with_name("student_s.json")))
    for part in ("dials", "web", "files", "geometry"):
        assert content[part] == whole[part]
    assert set(content["golden"]) == {"input", "output_web", "strong"}
    estimator = file.parent / content["estimator"]["file"]
    assert sha256(estimator) == content["estimator"]["sha256"] == sha256(ROOT / "weights/bundled/estimator.onnx")
    assert file.stat().st_size < 100_000


def test_students_that_need_onnx_runtime_have_no_brief_contract() -> None:
    contract = json.loads((ROOT / "weights/bundled/student_s.json").read_text())
    without_web = {name: part for name, part in contract.items() if name != "web"}
    foreign = {name: part for name, part in contract["estimator"].items() if name != "plain"}
    assert brief(without_web) is None
    assert brief(contract | {"estimator": foreign}) is None
    del contract["estimator"]
    short = brief(contract)
    assert short
    assert short.estimator is None


def test_without_onnx_runtime_the_folder_is_small(shipped: Project) -> None:
    target = shipped.root / "dist"
    write_standalone(target, [], shipped.paths, runtime=False)
    options = json.loads((target / "options.json").read_text())
    assert [model["name"] for model in options["models"]] == ["bundled:student_s"]
    assert options["base"]["ort"] is None
    assert not (target / "ort").exists()
    assert not [file for file in target.rglob("*.onnx") if file.name != "estimator.onnx"]
    with pytest.raises(SharpcamError, match=r"Bundled student_m needs ONNX Runtime\. Leave --without-onnxruntime out"):
        write_standalone(target, ["bundled:student_m"], shipped.paths, runtime=False)


def test_what_is_kept_offline_is_there_and_another_folder_has_another_version(shipped: Project) -> None:
    target = shipped.root / "dist"

    def written() -> dict[str, Any]:
        write_standalone(target, [], shipped.paths)
        first, _, _ = (target / offline.SCRIPT).read_text().partition(";\n")
        return dict(json.loads(first.removeprefix("self.FOLDER = ")))

    kept = written()
    assert all((target / name).exists() for name in kept["files"])
    assert {".", "options.json", "web/player.mjs", "web/worker.mjs", "box.webm", "manifest.json"} <= set(kept["files"])
    assert not [name for name in kept["files"] if name.startswith("ort/") or name.endswith("student_s.onnx")]
    assert written() == kept
    (assets.ENGINE / "layers-simd.wasm").write_bytes(b"other")
    assert written()["version"] != kept["version"]


def test_modules_are_the_same_without_comments_and_indentation() -> None:
    text = """
// why
const a = "http://x"; // here
/**
 * What it is.
 */
function b() {
    /* no */
    return a / 2; /* kept */
}
"""
    assert slim(text) == '\nconst a = "http://x"; // here\nfunction b() {\nreturn a / 2; /* kept */\n}\n'
