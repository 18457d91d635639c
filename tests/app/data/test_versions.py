"""Versions of data sets as DVC really wrote them, and what changed between two."""

import pytest
from making import git

from app.data.disk import free, usage
from app.data.versions import Changes, by_clip, cached, changes, current, earlier, listing
from pipeline.cleanup import size
from pipeline.core.errors import SharpcamError


def test_the_versions_of_dvc_lock_are_shown(versioned):
    found = current(versioned.paths)
    assert found.keys() == {"data/raw", "data/truth", "data/teacher", "data/split.json"}
    assert found["data/raw"]["nfiles"] == sum(path.is_file() for path in versioned.paths.raw.rglob("*"))


def test_what_changed_since_a_commit_is_named(versioned):
    commit, *_ = earlier("data/raw", versioned.paths)
    assert commit.title.startswith(f"commit {git(versioned.root, 'rev-parse', '--short=7', 'HEAD')}")
    assert commit.title.endswith("the first recordings")
    now = listing(current(versioned.paths)["data/raw"]["md5"], versioned.paths)
    found = changes(listing(commit.md5, versioned.paths), now)
    assert found == Changes(added=(), removed=(), changed=("demo-00/000000.png",))
    assert found.count == 1
    assert by_clip(found) == [{"clip": "demo-00", "added": 0, "removed": 0, "changed": 1}]


def test_versions_that_no_commit_names_are_found_in_the_cache(versioned):
    versions = earlier("data/raw", versioned.paths)
    assert len(versions) == 3
    assert {version.md5 for version in versions} == {version.md5 for version in cached("data/raw", versioned.paths)}
    assert len(cached("data/teacher", versioned.paths)) == 1
    assert cached("data/truth", versioned.paths) == []


def test_a_listing_that_is_gone_says_how_to_get_it(versioned):
    for file in (versioned.root / ".dvc/cache/files/md5").rglob("*.dir"):
        file.unlink()
    for md5 in (current(versioned.paths)["data/raw"]["md5"], "../../etc/passwd", "x"):
        with pytest.raises(SharpcamError, match="dvc fetch"):
            listing(md5, versioned.paths)


def test_without_dvc_or_git_there_is_no_version(project):
    assert current(project.paths) == {}
    assert earlier("data/raw", project.paths) == []


def test_changes_are_counted_by_clip():
    found = changes({"a/1": "x", "b/1": "x", "b/2": "x"}, {"a/1": "y", "b/2": "x", "c/1": "z"})
    assert found == Changes(added=("c/1",), removed=("b/1",), changed=("a/1",))
    assert [row["clip"] for row in by_clip(found)] == ["a", "b", "c"]


def test_everything_on_disk_is_counted(versioned):
    used = usage(versioned.paths)
    assert used["Teacher's pictures (data/teacher)"] == size(versioned.paths.teacher) > 0
    assert used["DVC's cache: every version of data and weights"] > used["Frames (data/raw, data/inbox)"] > 0
    assert used["MLflow: runs and their artifacts"] == 0
    assert free(versioned.paths) > 0
