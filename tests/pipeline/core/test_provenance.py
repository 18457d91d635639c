"""What a result was made of, from git and from DVC's lock."""

import pytest
from making import git

from pipeline.core import provenance
from pipeline.core.errors import SharpcamError


def test_versions_are_the_commit_whether_it_was_changed_and_dvcs_hashes(project):
    versions = provenance.versions(project.root)
    assert versions == {"git.commit": git(project.root, "rev-parse", "HEAD"), "git.dirty": "false"}
    project.change(seed=8)
    lock = "stages: {capture: {outs: [{path: data/raw, md5: abc.dir}]}, train: {outs: [{path: weights/a, md5: d}]}}"
    (project.root / "dvc.lock").write_text(lock)
    assert provenance.versions(project.root) == versions | {"git.dirty": "true", "dvc.data/raw": "abc.dir"}


@pytest.mark.parametrize("text", ["", "stages: {capture: {cmd: x}}"])
def test_a_lock_without_outputs_has_no_hashes(project, text):
    (project.root / "dvc.lock").write_text(text)
    assert provenance.data_versions(project.root) == {}


def test_without_a_git_repository_or_a_commit_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(SharpcamError, match=r'There is no git commit here.*Run "git init && git add -A && git commit'):
        provenance.versions(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(SharpcamError, match="There is no git commit here"):
        provenance.versions(tmp_path)
