"""A real wheel, installed in a folder of its own: it holds what runs and nothing else, and works in an empty folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import cv2
import pytest
from making import ROOT, photo

from app.live import assets
from pipeline import __version__

LARGEST_BYTES = 8_000_000
ROOMS = ("sharpcam", "app", "pipeline", "training")
SHIPPED = "pipeline/shipped"


def tracked() -> list[str]:
    """The files of the repository that are there."""
    said = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in said.splitlines() if (ROOT / name).is_file()]


def kernels() -> list[str]:
    """What `make setup` compiles for browsers."""
    return [str(file.relative_to(ROOT)) for file in assets.ENGINE.glob("*.wasm")]


def pip(*words: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
    done = subprocess.run([sys.executable, "-m", "pip", *words, *quiet], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git holds, and of the kernels: a build leaves files behind."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*tracked(), *kernels()):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    pip("wheel", str(source), "--no-build-isolation", "--wheel-dir", str(built))
    (file,) = built.iterdir()
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it is installed in, apart from what it stands on."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", str(wheel), "--target", str(folder))
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def call(command: list[str], folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """A command in `folder`, its packages from `home`; what it keeps is beside the folder."""
    environment = os.environ | {"PYTHONPATH": str(home), "SHARPCAM_CACHE": str(folder.with_name("cache"))}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_it_holds_all_that_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        held = {entry.filename: entry.file_size for entry in packed.infolist()}
    code = {name for name in held if not name.startswith((f"{SHIPPED}/", f"sharpcam-{__version__}.dist-info/"))}
    assert code == {name for name in (*tracked(), *kernels()) if name.split("/")[0] in ROOMS}
    assert kernels(), 'run "make setup"'
    shipped = {name.removeprefix(f"{SHIPPED}/") for name in held if name.startswith(f"{SHIPPED}/")}
    folders = ("weights/bundled/", "data/demo/")
    files = {"params.yaml", "package.json", "package-lock.json"}
    assert shipped == files | {name for name in tracked() if name.startswith(folders)}
    assert max(held.values()) < LARGEST_BYTES


def test_it_asks_for_what_runs_and_for_no_test_tool(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        said = message_from_bytes(packed.read(f"sharpcam-{__version__}.dist-info/METADATA"))
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert said.get_all("Requires-Dist") == [line for line in lines if line and not line.startswith("#")]
    assert said["Version"] == __version__


def test_in_an_empty_folder_it_enhances_as_the_module_does_here(installed: Path, empty: Path, tmp_path: Path) -> None:
    assert cv2.imwrite(str(empty / "photo.jpg"), photo(96, 120, seed=3))
    other = tmp_path / "other"
    shutil.copytree(empty, other)
    words = ["photo.jpg", "-o", "x.png"]
    done = call([str(installed / "bin/sharpcam"), "enhance", *words], empty, installed)
    assert done.returncode == 0, done.stderr
    assert str(installed / SHIPPED / "weights/bundled") in done.stdout
    assert {file.name for file in empty.iterdir()} == {"photo.jpg", "x.png"}
    again = call([sys.executable, "-m", "pipeline.enhance", *words], other, ROOT)
    assert again.returncode == 0, again.stderr
    assert (empty / "x.png").read_bytes() == (other / "x.png").read_bytes()


def test_its_live_page_wants_a_runtime_that_it_can_be_handed(installed: Path, empty: Path) -> None:
    (empty / "wrong.tgz").touch()
    done = call([str(installed / "bin/sharpcam"), "live", "--runtime", "wrong.tgz"], empty, installed)
    assert done.returncode == 1
    assert f"wrong.tgz is not {assets.PACKAGE}@" in done.stderr


def test_a_stage_says_how_to_begin_a_project_and_does_not_run(installed: Path, empty: Path) -> None:
    done = call([str(installed / "bin/sharpcam"), "split"], empty, installed)
    assert done.returncode == 1
    assert f'cp "{installed / SHIPPED / "params.yaml"}" .' in done.stderr
    assert not list(empty.iterdir())
