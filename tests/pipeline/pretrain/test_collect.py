"""Photographs out of Debian packages: real packages, built here and unpacked by dpkg; apt's download is replaced."""

import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.errors import SharpcamError
from pipeline.pretrain import collect
from pipeline.pretrain.photos import load_photos

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages are built with dpkg-deb")
PICTURES = {"usr/share/lake/a/one.png": (1000, 1200), "usr/share/lake/b/one.png": (1600, 1500)}


def package(scale: float | None = None, *, name: str = "lake") -> collect.Package:
    return collect.Package(name, "1", scale, list(PICTURES))


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An `apt-get download` that knows the package `lake` and no other."""
    tree = tmp_path / "tree"
    for path, shape in PICTURES.items():
        (tree / path).parent.mkdir(parents=True)
        noise = np.random.default_rng(1).integers(0, 255, (40, 30, 3), dtype=np.uint8)
        cv2.imwrite(str(tree / path), cv2.resize(noise, shape[::-1]))
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: lake\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: pictures\n"
    )
    subprocess.run(["dpkg-deb", "--build", tree, tmp_path / "lake.deb"], check=True, capture_output=True)
    command = tmp_path / "bin/apt-get"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\n[ "$2" = lake ] && cp {tmp_path}/lake.deb .\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")


def sizes(folder: Path) -> dict[str, tuple[int, ...]]:
    return {path.name: cv2.imread(str(path)).shape[:2] for path in folder.glob("*.png")}


@pytest.mark.usefixtures("apt")
def test_pictures_of_one_name_are_kept_apart_and_made_smaller_by_their_size(tmp_path):
    collect.collect([package()], tmp_path / "photos")
    assert sizes(tmp_path / "photos") == {"lake-lake-a-one.png": (750, 900), "lake-lake-b-one.png": (800, 750)}


@pytest.mark.usefixtures("apt")
def test_a_training_reads_them_and_knows_where_they_are_from(tmp_path):
    collect.collect([package(scale=1.0)], tmp_path / "photos")
    photos = load_photos(tmp_path / "photos", held_out=("none",), smallest_px=900)
    assert sorted(photo.shape for photo in photos.training.values()) == [(3, 1000, 1200), (3, 1600, 1500)]
    assert photos.sources == {"Debian lake": 2}


@pytest.mark.usefixtures("apt")
def test_what_is_there_stays_and_what_apt_lacks_is_told(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "lake-lake-a-one.png").write_bytes(b"mine")
    (folder / "SOURCES.tsv").write_text("file\tlicence and source\nmine.png\tCC0, me\n")
    for _ in range(2):
        collect.collect([package(), package(name="sea")], folder)
    assert (folder / "lake-lake-a-one.png").read_bytes() == b"mine"
    assert (folder / "SOURCES.tsv").read_text().splitlines()[1:] == [
        "mine.png\tCC0, me",
        "lake-lake-a-one.png\tDebian lake",
        "lake-lake-b-one.png\tDebian lake",
    ]
    assert "sea: apt does not have it here" in capsys.readouterr().out


@pytest.mark.usefixtures("apt")
def test_where_apt_has_none_the_next_step_is_said(tmp_path):
    with pytest.raises(SharpcamError, match="apt-get update"):
        collect.collect([package(name="sea")], tmp_path / "photos")


@pytest.mark.usefixtures("apt")
def test_a_package_that_cannot_be_unpacked_is_a_sentence(tmp_path):
    (tmp_path / "lake.deb").write_bytes(b"half a package")
    with pytest.raises(SharpcamError, match=r"lake could not be unpacked \(.*TMPDIR"):
        collect.collect([package()], tmp_path / "photos")


def test_without_apt_the_next_step_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SharpcamError, match="photographs of your own"):
        collect.collect([package()], tmp_path / "photos")


def test_a_very_large_picture_need_not_be_halved():
    assert [collect.usual_scale(px) for px in (1399, 1400, 2200, 2400, 4000)] == [0.75, 0.5, 0.5, 0.6, 0.5]


def test_the_table_names_each_picture_once():
    named = [f"{package.name}/{path}" for package in collect.load_table() for path in package.pictures]
    assert len(named) == len(set(named)) > 700
