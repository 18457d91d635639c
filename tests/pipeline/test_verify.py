"""One flipped bit in anything that is not to change is found, with the next step; what is whole raises no complaint."""

import os
import shutil
import subprocess
import sys

import pytest
from making import ROOT, Project, flipped, make_clip, photo, tree

from pipeline.core.clip_hashes import HASHES, note_hashes, noted_hashes
from pipeline.core.errors import SharpcamError
from pipeline.doctor.project import damage as doctors_finding
from pipeline.register import register
from pipeline.verify import parts
from pipeline.verify.command import main, verify
from pipeline.verify.restoring import restore


def damage(file):
    """Flip one bit, and have the file look untouched."""
    status = file.stat()
    file.chmod(0o644)
    file.write_bytes(flipped(file.read_bytes()))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def dvc(root, *arguments):
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def kept_once(trained_once, tmp_path_factory):
    """A whole project with a registered student and, in DVC's cache, its recordings. Only read it."""
    root = tmp_path_factory.mktemp("kept") / "project"
    shutil.copytree(trained_once.root, root)
    made = Project(root)
    note_hashes(make_clip(made.paths, "desk", [photo(60, 80, seed=seed) for seed in range(3)]))
    (root / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    dvc(root, "add", "data/raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        register(made.paths)
    return made


@pytest.fixture
def kept(project, kept_once):
    """Such a project of the test's own."""
    shutil.copytree(kept_once.root, project.root, dirs_exist_ok=True)
    shutil.copytree(ROOT / "weights/bundled", project.root / "weights/bundled", dirs_exist_ok=True)
    return project


def any_object(root):
    return next(file for file in sorted((root / ".dvc/cache/files/md5").glob("??/*")) if file.suffix != ".dir")


PLACES = {
    "raw": (lambda root: root / "data/raw/desk/000001.png", "data/raw/desk: 000001.png was", "--restore"),
    "clip": (lambda root: root / "data/raw/desk/clip.json", "data/raw/desk: clip.json was", "--restore"),
    "hashes": (lambda root: root / "data/raw/desk" / HASHES, "data/raw/desk: ", "--restore"),
    "demo": (lambda root: root / "data/raw/demo-00/000001.png", "demo-00: 000001.png was", "--force capture"),
    "teacher": (lambda root: root / "data/teacher/demo-00/000001.png", "teacher/demo-00: 0", "--force teacher"),
    "cache": (any_object, ".dvc/cache/files/md5: ", '"dvc fetch"'),
    "student": (lambda root: root / "weights/student_sr.onnx", "weights: student_sr.onnx was", "--force export"),
    "checkpoint": (lambda root: root / "weights/student_sr.pth", "weights: student_sr.pth was", "--force export"),
    "bundled": (lambda root: root / "weights/bundled/student_s_int8.onnx", "student_s_int8.onnx was", "git checkout"),
    "of others": (lambda root: root / "weights/bundled/realesr-general-x4v3.fp16.pth", "x4v3.fp16", "git checkout"),
    "laid out": (lambda root: next(root.glob("weights/registry/*/*.onnx")), "weights/registry/", "away: it is laid"),
    "version": (
        lambda root: next(root.glob("mlruns/*/models/*/artifacts/student/student_sr.onnx")),
        "version 1 of StudentSR:  holds a damaged student_sr.onnx",
        "from a backup",
    ),
}


def test_what_is_whole_is_not_complained_of(kept, capsys):
    before = tree(kept.root)
    assert main([]) == 0
    assert "all as they were written" in capsys.readouterr().out
    after = tree(kept.root)
    assert {name[:15] for name in after if after[name] != before.get(name)} == {"project/.cache/"}
    assert len(list(parts.recordings(kept.paths))) == 3 * 4 + 4
    (finding,) = doctors_finding(kept.paths)
    assert (finding.mark, finding.said[:10]) == ("ok", "none found")


@pytest.mark.parametrize("place", PLACES)
def test_a_flipped_bit_is_found_and_the_next_step_named(kept, capsys, place):
    find, named, step = PLACES[place]
    damage(find(kept.root))
    before = tree(kept.root / "data", kept.root / "weights", kept.root / "mlruns")
    assert main([]) == 1
    said = capsys.readouterr()
    finding, remedy = said.out.splitlines()[:2]
    assert named in finding
    assert step in remedy
    assert said.err.splitlines()[-1].startswith("sharpcam: 1 place is damaged.")
    assert tree(kept.root / "data", kept.root / "weights", kept.root / "mlruns") == before
    (finding,) = doctors_finding(kept.paths)
    assert finding.fix.endswith("python -m pipeline.verify")


def test_a_damaged_database_is_found(kept):
    file = kept.root / "mlflow.db"
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    file.write_bytes(data)
    (finding,) = [each for each in verify(kept.paths) if each.where.endswith("mlflow.db")]
    assert "damaged" in finding.sentence() or "cannot be read" in finding.sentence()
    assert "backup" in finding.remedy


def test_damaged_recordings_come_back_from_dvcs_cache_and_what_was_there_is_kept(kept, capsys):
    clip = kept.paths.raw / "desk"
    before = tree(clip)
    damage(clip / "000000.png")
    damaged = (clip / "000000.png").read_bytes()
    (clip / "000002.png").unlink()
    assert main(["--restore"]) == 0
    assert "verify: restored" in capsys.readouterr().out
    assert tree(clip) == before
    (kept_aside,) = (kept.paths.cache / "damaged").iterdir()
    assert kept_aside.read_bytes() == damaged


def test_from_a_cache_that_is_damaged_too_nothing_is_taken(kept):
    file = kept.paths.raw / "desk/000000.png"
    for whole in (kept.root / ".dvc/cache/files/md5").glob("??/*"):
        if whole.read_bytes() == file.read_bytes():
            damage(whole)
    damage(file)
    damaged = file.read_bytes()
    assert list(restore(kept.paths)) == []
    assert file.read_bytes() == damaged
    assert len(verify(kept.paths)) == 2


def test_a_recording_without_hashes_is_named_as_one_that_was_not_looked_at(kept, capsys):
    make_clip(kept.paths, "old", [photo(60, 80)])
    assert main([]) == 0
    assert "data/raw/old has no hashes to be held to yet" in capsys.readouterr().out


def test_outside_a_project_and_before_its_first_data_it_says_so(project, tmp_path, monkeypatch, capsys):
    (finding,) = doctors_finding(project.paths)
    assert (finding.mark, finding.said) == ("optional", "never looked for")
    assert main([]) == 0
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "this works only in a project" in capsys.readouterr().err


def test_a_clip_whose_note_cannot_be_read_hinders_no_other(kept):
    (kept.paths.raw / "desk" / HASHES).write_text("[1, 2")
    damage(kept.paths.raw / "demo-00/000001.png")
    assert {finding.where[-7:] for finding in verify(kept.paths)} == {"demo-00", "aw/desk"}
    with pytest.raises(SharpcamError, match="is damaged"):
        noted_hashes(kept.paths.raw / "desk")
