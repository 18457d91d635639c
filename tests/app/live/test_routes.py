"""What the server hands to the browser, and what it does not."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import ROOT, Project
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.isolation import ISOLATION
from app.live import shelves
from app.server import app
from pipeline.core.paths import Paths
from pipeline.tracking import registry

HASH = "ab" * 32


@pytest.fixture
def client(project: Project) -> Iterator[TestClient]:
    folder = project.paths.registry / HASH
    folder.mkdir(parents=True)
    (folder / "student_sr.onnx").write_bytes(b"model")
    (folder / "student_sr_web.bin").write_bytes(b"the same for browsers")
    (folder / "student_sr.json").write_text("{}")
    (folder / "student_sr.pth").write_bytes(b"weights")
    with TestClient(Starlette(routes=shelves.file_routes(Paths()))) as made:
        yield made


def test_a_model_is_served_by_its_hash_and_kept_for_ever(client: TestClient) -> None:
    answer = client.get(f"/registry/{HASH}/student_sr.onnx")
    assert answer.content == b"model"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    web = client.get(f"/registry/{HASH}/student_sr_web.bin")
    assert web.content == b"the same for browsers"
    assert web.headers["content-type"] == "application/octet-stream"
    assert client.get(f"/registry/{HASH}/student_sr.json?{HASH}").headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        f"/registry/{HASH}/student_sr.pth",
        f"/registry/{HASH}/none.onnx",
        f"/registry/{HASH}/",
        f"/registry/{HASH}",
        "/registry/",
        f"/registry/{HASH}/../../../params.yaml",
        f"/registry/{HASH}/..%2f..%2f..%2fparams.yaml",
        f"/registry/{HASH}/%2e%2e/{HASH}/student_sr.pth",
        f"/registry/{HASH}/link.json",
        f"/registry/{'cd' * 32}/secret.json",
        f"/registry/{HASH}/a%00.json",
        f"/registry/{'x' * 300}/{'y' * 300}.json",
        "/live/web/../access.py",
        "/live/web/none.mjs",
        "/live/web/..%2faccess.py",
        "/live/ort/%2e%2e/README.md",
        "/live/engine/..%2fort/README.md",
        "/live/engine/none.wasm",
        "/live/sample/README.md",
        "/live/sample//etc/passwd",
    ],
)
def test_nothing_else_can_be_reached(client: TestClient, project: Project, path: str) -> None:
    secret = project.root / "secret.json"
    secret.write_text('"secret"')
    (project.paths.registry / HASH / "link.json").symlink_to(secret)
    (project.paths.registry / ("cd" * 32)).symlink_to(project.root)
    assert client.get(path).status_code == 404


def test_nothing_is_written_over_http(client: TestClient) -> None:
    assert client.put(f"/registry/{HASH}/student_sr.onnx", content=b"other").status_code == 405
    assert client.delete(f"/registry/{HASH}/student_sr.onnx").status_code == 405


def test_modules_come_as_javascript_and_are_asked_for_again(client: TestClient) -> None:
    (module, *_) = sorted(shelves.WEB.glob("*.mjs"))
    answer = client.get(f"/live/web/{module.name}")
    assert answer.text == module.read_text()
    assert answer.headers["content-type"].startswith("text/javascript")
    again = client.get(f"/live/web/{module.name}", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


def test_a_bundle_comes_packed_to_who_can_unpack_it(tmp_path: Path) -> None:
    (tmp_path / "ort.wasm").write_bytes(b"wasm" * 100)
    (tmp_path / "ort.wasm.gz").write_bytes(gzip.compress(b"wasm" * 100))
    with TestClient(Starlette(routes=[Mount("/ort", shelves.Shelf(tmp_path, r"[a-z.]+\.wasm"))])) as client:
        for encoding in ("gzip", ""):
            answer = client.get("/ort/ort.wasm", headers={"accept-encoding": encoding})
            assert answer.content == b"wasm" * 100
            assert answer.headers["content-type"] == "application/wasm"
            assert answer.headers.get("content-encoding", "") == encoding
        assert client.get("/ort/ort.wasm.gz").status_code == 404


def test_code_is_packed_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    code = tmp_path / "player.mjs"
    shelves.packed.cache_clear()
    with TestClient(Starlette(routes=[Mount("/web", shelves.Shelf(tmp_path, r"[a-z.]+\.mjs"))])) as client:
        for text in ("export const a = 1;\n" * 99, "export const b = 2;\n" * 99):
            code.write_text(text)
            for _ in range(3):
                answer = client.get("/web/player.mjs", headers={"accept-encoding": "gzip"})
                assert answer.text == text
                assert answer.headers["content-encoding"] == "gzip"
                assert int(answer.headers["content-length"]) < len(text)
        plain = client.get("/web/player.mjs", headers={"accept-encoding": ""})
        assert plain.text == text
        assert "content-encoding" not in plain.headers
        assert client.head("/web/player.mjs").headers["content-length"] == answer.headers["content-length"]
    assert shelves.packed.cache_info().misses == 2


def test_what_stands_behind_the_files_sees_no_request_for_one() -> None:
    """Streamlit packs each answer anew, which took the server's whole time with two hundred viewers."""
    behind = Starlette(routes=[Mount("/", PlainTextResponse("from behind"))])
    with TestClient(shelves.FilesFirst(behind, shelves.file_routes(Paths()))) as client:
        (module, *_) = sorted(shelves.WEB.glob("*.mjs"))
        assert client.get(f"/live/web/{module.name}").text == module.read_text()
        assert client.get("/live/web/none.mjs").status_code == 404
        assert client.post(f"/live/web/{module.name}").status_code == 405
        for path in ("/live", "/live/", "/live/other/player.mjs", "/registryish/a"):
            assert client.get(path).text == "from behind"


def test_the_sample_clip_can_be_sought_in(client: TestClient, project: Project) -> None:
    project.paths.demo_clip.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/demo/box.webm", project.paths.demo_clip.parent)
    answer = client.get("/live/sample/box.webm", headers={"range": "bytes=0-99"})
    assert (answer.status_code, len(answer.content)) == (206, 100)
    assert answer.headers["content-type"] == "video/webm"


def test_a_registry_that_is_not_there_yet_is_404(project: Project) -> None:
    with TestClient(Starlette(routes=shelves.file_routes(Paths()))) as client:
        assert client.get(f"/registry/{HASH}/student_sr.onnx").status_code == 404


@pytest.mark.usefixtures("with_database")
def test_a_version_that_cannot_be_fetched_is_a_sentence_that_is_not_kept(project: Project) -> None:
    (project.root / "student").mkdir()
    registry.add(project.root / "student", tags={"onnx_sha256": HASH}, run_id=None)
    with TestClient(Starlette(routes=shelves.file_routes(Paths()))) as client:
        answer = client.get(f"/registry/{HASH}/student_sr.json")
        assert "Version 1" in answer.json()["error"]
        assert answer.status_code == 502
        assert "cache-control" not in answer.headers
        assert client.get(f"/registry/{'cd' * 32}/student_sr.json").status_code == 404


def test_the_dashboard_serves_them_under_isolation(project: Project) -> None:
    (module, *_) = sorted(shelves.WEB.glob("*.mjs"))
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.get(f"/live/web/{module.name}")
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert answer.status_code == 200
    assert all(answer.headers[name] == value for name, value in ISOLATION.items())
