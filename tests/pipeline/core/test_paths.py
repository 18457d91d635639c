"""In a project its own files win; in any other folder those that ship, and nothing is kept there."""

from pathlib import Path

import pytest
from making import ROOT

from pipeline.core import paths as paths_module
from pipeline.core.errors import SharpcamError
from pipeline.core.params import load_params
from pipeline.core.paths import CACHE_VARIABLE, SHIPPED, Paths, user_cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty working folder, and a cache folder for the user."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_clone_ships_what_it_holds():
    assert SHIPPED == ROOT


def test_outside_a_project_what_ships_is_read_and_nothing_is_kept(cache):
    paths = Paths.here()
    assert not paths.is_project
    assert load_params(paths.params) == load_params(ROOT / "params.yaml")
    assert paths.bundled == ROOT / "weights/bundled"
    assert paths.demo_clip.is_file()
    for kept in (paths.cache, paths.logs, paths.registry, paths.downloads):
        assert kept == cache or cache in kept.parents
    assert not list(Path().iterdir())


@pytest.mark.parametrize("mark", ["params.yaml", "dvc.yaml"])
def test_in_a_project_all_is_the_project_s(mark, cache):
    Path(mark).touch()
    Path("weights/bundled").mkdir(parents=True)
    paths = Paths.here()
    assert paths.is_project
    mine = (paths.params, paths.bundled, paths.cache, paths.logs, paths.registry, paths.downloads)
    assert not [path for path in mine if path.is_absolute()]
    assert paths.params == Path("params.yaml")  # also where it is missing: a sentence says so
    assert not paths.demo_clip.exists()


def test_a_project_begun_from_a_wheel_takes_the_wheel_s_where_it_has_none(cache, monkeypatch):
    monkeypatch.setattr(paths_module, "IS_INSTALLED", True)
    Path("params.yaml").touch()
    assert Paths.here().bundled == ROOT / "weights/bundled"
    Path("weights/bundled").mkdir(parents=True)
    assert Paths.here().bundled == Path("weights/bundled")


def test_what_needs_a_project_says_how_to_begin_one(cache):
    with pytest.raises(SharpcamError, match="works only in a project") as refused:
        Paths.of_project()
    assert f'cp "{ROOT / "params.yaml"}" .' in str(refused.value)
    Path("params.yaml").touch()
    assert Paths.of_project() == Paths.here()


def test_a_root_that_is_named_is_a_project(tmp_path):
    assert Paths(tmp_path).bundled == tmp_path / "weights/bundled"
    assert Paths(tmp_path).cache == tmp_path / ".cache"


def test_the_cache_is_the_user_s(monkeypatch):
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert user_cache().name == "sharpcam"
