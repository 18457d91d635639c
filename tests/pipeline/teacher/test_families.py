"""What a chain gains over bicubic is found once for its recipe, and kept where `evaluate` reads it."""

import pytest

from pipeline.core.files import read_json
from pipeline.families import gains
from pipeline.families.families import FAMILIES
from pipeline.teacher.chain import build_chain
from pipeline.teacher.families import note_gains


@pytest.fixture(autouse=True)
def one_family(monkeypatch):
    monkeypatch.setattr(gains, "FAMILIES", {"clean_area": FAMILIES["clean_area"]})


def chain_of(project, *steps):
    params = project.params.teacher.model_copy(update={"chain": "one", "chains": {"one": [*steps]}})
    return build_chain(params, geometry=project.params.geometry)


def test_a_chain_is_looked_at_once_for_its_recipe(project, monkeypatch):
    project.paths.teacher.mkdir(parents=True)
    cubic = chain_of(project, {"crop": {}}, {"resize": {"kernel": "bicubic"}})
    note_gains(cubic, project.paths, photos=1)
    assert read_json(project.paths.teacher_families, made_by="teacher")["gains"]["clean_area"] == pytest.approx(
        0, abs=0.01
    )
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.teacher.families.gains", lambda *_, **__: pytest.fail("looked at again"))
        note_gains(cubic, project.paths, photos=1)
    sharper = chain_of(
        project, {"crop": {}}, {"resize": {"kernel": "bicubic"}}, {"unsharp": {"amount": 0.3, "sigma_px": 1.0}}
    )
    note_gains(sharper, project.paths, photos=1)
    assert read_json(project.paths.teacher_families, made_by="teacher")["gains"]["clean_area"] != 0
    note_gains(sharper, project.paths, photos=0)
    assert not project.paths.teacher_families.exists()
