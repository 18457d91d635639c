"""The browsers' runtime without a clone: one archive, by npm or by hand, and only the one that the lock file pins."""

import base64
import hashlib
import json
import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from app.live import assets
from pipeline.core.errors import SharpcamError


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive as npm packs it, and a lock file that pins it."""
    file = tmp_path / "onnxruntime-web-9.8.7.tgz"
    with tarfile.open(file, "w:gz") as packed:
        for name in (*assets.FILES, "other.js"):
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(name)
            packed.addfile(member, BytesIO(name.encode()))
    digest = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    locked = {"version": "9.8.7", "integrity": f"sha512-{digest}"}
    (tmp_path / "package-lock.json").write_text(json.dumps({"packages": {"node_modules/onnxruntime-web": locked}}))
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    return file


def write_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An npm that does as told, in place of the real one."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setattr(assets.sys, "executable", str(folder / "python"))


def laid_out(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_file_by_hand_is_verified_and_unpacked(archive: Path, tmp_path: Path) -> None:
    assets.unpack(archive, into=tmp_path / "ort")
    packed = {f"{name}.gz" for name in assets.FILES if name.endswith(".wasm")}
    assert laid_out(tmp_path / "ort") == {*assets.FILES, *packed}
    assert all((tmp_path / "ort" / name).read_text() == name for name in assets.FILES)


def test_another_file_is_refused_and_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(SharpcamError, match=r'is not onnxruntime-web@9.8.7 .* "npm pack onnxruntime-web@9.8.7"'):
        assets.unpack(archive, into=tmp_path / "ort")
    with pytest.raises(SharpcamError, match="cannot be read"):
        assets.unpack(tmp_path / "none.tgz", into=tmp_path / "ort")
    assert not (tmp_path / "ort").exists()


def test_npm_fetches_the_one_archive(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npm(tmp_path / "bin", f'test "$1 $2" = "pack onnxruntime-web@9.8.7" && cp {archive} .', monkeypatch)
    assets.fetch_archive(into=tmp_path / "ort")
    assert laid_out(tmp_path / "ort") >= set(assets.FILES)


@pytest.mark.parametrize(("script", "reason"), [("echo no network >&2; exit 1", "no network"), ("true", "no file")])
def test_where_npm_fails_there_is_a_way_to_do_without(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    write_npm(tmp_path / "bin", script, monkeypatch)
    with pytest.raises(SharpcamError, match=reason) as failed:
        assets.fetch_archive(into=tmp_path / "ort")
    assert "sharpcam live --runtime onnxruntime-web-9.8.7.tgz" in str(failed.value)


def test_a_machine_without_npm_says_so(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(SharpcamError, match="not installed"):
        assets.fetch_archive(into=tmp_path / "ort")
