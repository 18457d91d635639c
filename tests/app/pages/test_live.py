"""The live page's Python side in its empty, normal and broken states."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from making import Project
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from app.live import assets
from app.live.options import VERSIONS, named
from app.live.shelves import file_routes
from pipeline.core.files import write_json
from pipeline.core.hashing import sha256
from pipeline.core.paths import Paths
from pipeline.tracking import registry

PAGE = Path(__file__).parents[3] / "app/pages/live.py"


@pytest.fixture(autouse=True)
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a browser's runtime, as `make setup` leaves it."""
    folder = tmp_path / "ort"
    folder.mkdir()
    for name in assets.FILES:
        (folder / name).touch()
    monkeypatch.setattr(assets, "INTO", folder)
    return folder


@pytest.fixture
def students(project: Project) -> Project:
    """A project whose student and one bundled student can be run; what they compute is not of interest here."""
    for contract in (project.paths.contract, project.paths.bundled / "student_s.json"):
        contract.parent.mkdir(parents=True, exist_ok=True)
        onnx = contract.with_suffix(".onnx")
        onnx.write_bytes(str(contract).encode())
        contract.write_text(json.dumps({"model": "student_m", "files": {onnx.name: sha256(onnx)}}))
    return project


def run_page(*, query: dict[str, str] | None = None) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    for key, value in (query or {}).items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def test_a_fresh_clone_is_told_what_to_do(project: Project) -> None:
    assert "A run of the pipeline trains one" in run_page().info[0].value


def test_without_the_browsers_runtime_it_says_so(students: Project, bundles: Path) -> None:
    shutil.rmtree(bundles)
    assert "make setup" in run_page().info[0].value


def options_of(page: AppTest) -> dict[str, Any]:
    """What the player was told."""
    (component,) = page.get("bidi_component")
    return dict(json.loads(component.proto.json)["options"])


def test_models_are_offered_and_laid_out(students: Project) -> None:
    options = options_of(run_page())
    assert [model["name"] for model in options["models"]] == ["student_sr", "bundled:student_s"]
    for model in options["models"]:
        contract, _, hashed = model["contract"].partition("?")
        assert sha256(students.root / "weights" / contract.removeprefix("/")) == hashed
        assert sha256(students.root / "weights" / model["onnx"].removeprefix("/")) == model["sha256"]
    assert options["sample"] is None
    assert options["capture"]["limits"]["frames"] > 0


@pytest.mark.usefixtures("with_database")
def test_every_version_is_offered_and_an_old_one_is_fetched_when_it_is_chosen(project: Project) -> None:
    folder = project.root / "student"
    for number in range(VERSIONS + 1):
        register_student(folder, onnx=str(number).encode())
    page = run_page()
    offered = options_of(page)["models"]
    assert [model["name"] for model in offered] == [f"version:{number}" for number in range(VERSIONS + 1, 0, -1)]
    oldest = offered[-1]
    assert not (project.paths.registry / oldest["sha256"]).exists()
    with TestClient(Starlette(routes=file_routes(Paths()))) as client:
        assert client.get(oldest["contract"]).json() == json.loads((folder / "student_sr.json").read_text()) | {
            "files": {"student_sr.onnx": oldest["sha256"]}
        }
        assert client.get(oldest["onnx"]).content == b"0"


def register_student(folder: Path, *, onnx: bytes) -> None:
    """A version of the registry that holds a contract and this file."""
    folder.mkdir(exist_ok=True)
    file = folder / "student_sr.onnx"
    file.write_bytes(onnx)
    (folder / "student_sr.json").write_text(json.dumps({"model": "student_m", "files": {file.name: sha256(file)}}))
    registry.add(folder, tags={"onnx_sha256": sha256(file), "model": "student_m"}, run_id=None)


def test_another_contract_of_the_same_network_has_another_address(students: Project) -> None:
    before, *_ = options_of(run_page())["models"]
    contract = json.loads(students.paths.contract.read_text())
    students.paths.contract.write_text(json.dumps(contract | {"geometry": {"fit": "stretch"}}))
    after, *_ = options_of(run_page())["models"]
    assert after["sha256"] == before["sha256"]
    assert after["contract"] != before["contract"]


def test_a_student_that_is_asked_for_and_not_there_is_one_sentence(students: Project) -> None:
    page = run_page(query={"model": "version:9", "compareWith": "bundled:student_s"})
    assert any('no student "version:9"' in caption.value for caption in page.caption)
    assert options_of(page)["settings"] == {"compareWith": "bundled:student_s"}


def test_a_version_is_found_by_its_number_where_it_is_champion() -> None:
    models = [{"name": "champion", "version": "version:3"}, {"name": "version:2", "version": "version:2"}]
    asked = {"model": "version:3", "compareWith": "version:2", "view": "side"}
    assert named(asked, models) == ({"model": "champion", "compareWith": "version:2", "view": "side"}, [])
    assert named({"compareWith": "bicubic"}, models) == ({"compareWith": "bicubic"}, [])


def test_a_choice_in_the_address_is_passed_on(students: Project) -> None:
    address = {"model": "bundled:student_s", "view": "side", "targetFps": "30"}
    page = run_page(query=address | {"figures": "false", "clean": "1"})
    assert options_of(page)["settings"] == address | {"clean": True}
    assert "clean" not in options_of(run_page(query={"clean": "0"}))["settings"]


def test_a_model_whose_hash_is_wrong_is_one_sentence_and_the_others_stay(students: Project) -> None:
    students.paths.student_onnx.write_bytes(b"other")
    page = run_page()
    assert any("its hash differs" in caption.value for caption in page.caption)
    assert [model["name"] for model in options_of(page)["models"]] == ["bundled:student_s"]


def test_a_contract_that_is_none_is_one_sentence(students: Project) -> None:
    students.paths.contract.write_text("[]")
    assert any("dvc repro export" in caption.value for caption in run_page().caption)


def test_where_capture_is_off_no_token_is_given(students: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPCAM_CAPTURE", "off")
    assert options_of(run_page())["capture"] is None


def test_what_the_player_reports_is_plotted_and_remembered(students: Project) -> None:
    parts = {"capture": 1.0, "before": 2.0, "run": 30.0, "after": 3.0, "draw": 1.0}
    chosen = {"model": "bundled:student_s", "view": "side"}
    report = {"fps": 21.4, "p50_ms": 40.2, "p95_ms": 55.0, "parts": parts, "dropped": 3, "settings": chosen}
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    page.session_state["live"] = {"report": report}
    page.run()
    assert not page.exception
    assert [metric.value for metric in page.metric] == ["21.4", "40 ms", "55 ms", "3"]
    assert page.query_params["model"] == "bundled:student_s"
    assert page.query_params["view"] == "side"
    assert page.session_state["live_settings"] == chosen


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://192.0.2.7:8501/live", True),
        ("https://192.0.2.7:8501/live", False),
        ("http://localhost:8501/live", False),
    ],
)
def test_plain_http_from_elsewhere_is_warned_of(
    students: Project, monkeypatch: pytest.MonkeyPatch, address: str, warned: bool
) -> None:
    monkeypatch.setattr(type(st.context), "url", address)
    assert any("--certificate" in warning.value for warning in run_page().warning) == warned


def note_mine(students: Project, *, status: int | None = 0) -> Path:
    """As if a student of the viewer's camera was asked for, and its run has ended so; the bundled one was in use."""
    folder = students.paths.logs / "jobs" / "000001"
    write_json(folder / "request.json", {"command": "repro", "arguments": [], "lane": "pipeline", "asked": 1.0})
    write_json(folder / "state.json", {"started": 1.0, "ended": 2.0, "status": status})
    (folder / "log").write_text("train: it went wrong\n")
    before = json.loads((students.paths.bundled / "student_s.json").read_text())["files"]["student_s.onnx"]
    write_json(students.paths.cache / "mine.json", {"job": 1, "clips": ["a", "b"], "before": before})
    return folder


def said(page: AppTest) -> str:
    return "\n".join(
        str(each.value) for each in [*page.markdown, *page.caption, *page.warning, *page.success, *page.info]
    )


@pytest.mark.usefixtures("with_database")
def test_the_own_student_is_compared_kept_and_then_in_use(students: Project) -> None:
    register_student(students.root / "student", onnx=b"registered before")
    students.paths.student_onnx.write_bytes(b"trained on two clips")
    onnx = students.paths.student_onnx
    contract = {"model": "student_m", "files": {onnx.name: sha256(onnx)}}
    students.paths.contract.write_text(json.dumps(contract))
    register_student(students.root / "student", onnx=b"trained on two clips")
    note_mine(students)
    page = run_page()
    assert "Your student is ready" in said(page)
    options = options_of(page)
    assert options["settings"] == {"model": "student_sr", "compareWith": "bundled:student_s", "view": "split"}
    assert (options["mine"]["before"], options["mine"]["after"]) == ("bundled:student_s", "student_sr")
    page.button("mine-keep").click().run()
    assert "It is yours" in said(page)
    assert registry.holder("champion", registry.versions(students.paths)).number == 2  # type: ignore[union-attr]
    assert options_of(page)["settings"]["model"] == "champion"
    assert "Your student is ready" not in said(run_page())


def test_a_run_that_failed_says_why_and_can_be_run_again_or_closed(students: Project) -> None:
    note_mine(students, status=1)
    page = run_page()
    assert "Learning your camera failed" in said(page)
    assert "it went wrong" in "".join(each.proto.body for each in page.get("html"))
    assert page.button("mine-again").label == "Run it again"
    page.button("mine-close").click().run()
    assert "Learning your camera" not in said(page)
