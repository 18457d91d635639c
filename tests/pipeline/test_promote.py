"""The champion in a real MLflow store: who may become it, who is refused, and the way back."""

import pytest

from pipeline.core.errors import SharpcamError
from pipeline.promote import back, main, promote
from pipeline.tracking import registry
from pipeline.tracking.registry import CANDIDATE, CHAMPION

pytestmark = pytest.mark.usefixtures("with_database")


@pytest.fixture
def enter(tmp_path, project):
    """Register a student with a known evaluation; gives its number."""
    folder = tmp_path / "student"
    folder.mkdir()
    (folder / "student_sr.onnx").write_bytes(b"a student")

    def one(*, psnr=30.0, gate="passed", data="abc"):
        tags = {"gate": gate, "evaluation.student.teacher.psnr": str(psnr), "data_sha256": data}
        return registry.add(folder, tags=tags, run_id=None)

    return one


def champion(project):
    found = registry.holder(CHAMPION, registry.versions(project.paths))
    return found and found.number


def test_a_candidate_becomes_champion_and_is_a_candidate_no_more(project, enter):
    number = enter()
    registry.set_alias(CANDIDATE, number)
    assert promote("candidate", project.paths) == "Version 1 is the champion now."
    (version,) = registry.versions(project.paths)
    assert version.aliases == (CHAMPION,)
    assert promote("1", project.paths) == "Version 1 is the champion already."


def test_one_that_is_as_good_or_better_takes_the_place(project, enter):
    for _ in range(2):
        enter(psnr=30.0)
    promote("1", project.paths)
    assert promote("2", project.paths) == "Version 2 is the champion now in place of version 1."


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"psnr": 29.9}, "Version 2 is 0.100 dB worse than the champion, version 1."),
        ({"psnr": 31, "data": "other"}, "Versions 2 and 1 were not evaluated on the same data: not comparable."),
        ({"psnr": "edited by hand"}, "Version 2 has no finite evaluation.student.teacher.psnr"),
        ({"psnr": 31, "gate": "failed"}, "Version 2 did not pass the gate."),
        ({"psnr": 31, "gate": "unknown"}, "Version 2 was never evaluated."),
    ],
    ids=["worse", "other data", "no number", "gate failed", "never evaluated"],
)
def test_an_objection_refuses_unless_it_is_forced(project, enter, known, reason):
    enter()
    promote("1", project.paths)
    enter(**known)
    with pytest.raises(SharpcamError, match="add --force") as refused:
        promote("2", project.paths)
    assert str(refused.value).startswith(reason)
    assert champion(project) == 1
    assert reason in promote("2", project.paths, force=True)
    assert champion(project) == 2


def test_the_way_back_leads_through_all_champions_that_still_exist(project, enter):
    for psnr in (30, 31, 32, 33):
        promote(str(enter(psnr=psnr)), project.paths)
    delete_version(3)
    assert back(project.paths) == "Version 2 is the champion again, in place of version 4."
    assert back(project.paths) == "Version 1 is the champion again, in place of version 2."
    with pytest.raises(SharpcamError, match="There was no champion before this one"):
        back(project.paths)
    promote("4", project.paths)
    assert back(project.paths).startswith("Version 1 is the champion again")


def delete_version(number):
    from pipeline.tracking.client import mlflow_client

    mlflow_client().delete_model_version(registry.NAME, str(number))


def test_who_is_not_there_is_said_with_those_who_are(project, enter):
    for which in ("candidate", "7"):
        with pytest.raises(SharpcamError, match=rf'StudentSR has no "{which}"; versions: none.*"make repro"'):
            promote(which, project.paths)
    with pytest.raises(SharpcamError, match="There was no champion before this one"):
        back(project.paths)
    enter()
    with pytest.raises(SharpcamError, match=r"versions: 1\. A student is a candidate once it passed the gate"):
        promote("candidate", project.paths)


def test_the_command_tells_in_one_line(project, enter, monkeypatch, capsys):
    enter()
    for arguments, status, said in (
        (["1"], 0, "Version 1 is the champion now."),
        (["--back"], 1, "sharpcam: There was no champion before this one that still exists."),
    ):
        monkeypatch.setattr("sys.argv", ["promote", *arguments])
        assert main() == status
        assert "".join(capsys.readouterr()).startswith(said)


@pytest.mark.parametrize("figure", ["nan", "inf", "-inf", "1e999", "", "much"])
def test_a_figure_that_is_not_finite_is_an_objection_also_without_a_champion(project, enter, figure):
    enter(psnr=figure)
    with pytest.raises(SharpcamError, match=r"Version 1 has no finite evaluation\.student\.teacher\.psnr.*add --force"):
        promote("1", project.paths)
    enter(psnr=30.0)
    promote("2", project.paths)
    with pytest.raises(SharpcamError, match="Version 1 has no finite"):
        promote("1", project.paths)
    assert champion(project) == 2
