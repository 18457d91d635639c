"""The first page: what it says is to be done next, in every state there is."""

from pathlib import Path

import pytest
from making import ROOT, Project, make_clip, photo, until
from small_pipeline import ended, give_pipeline, hold, waits_in
from streamlit.testing.v1 import AppTest

from app.home.steps import note_live
from app.jobs import jobs, start
from pipeline.core.files import write_json

PAGE = ROOT / "app/pages/home.py"
NO_NUMBER = '{"verdict": ["Good."], "gate": {"passed": true}, "methods": {"student": {"teacher": {"ssim": 1}}}}'
DONE, NEXT, OPEN = "check_circle", "arrow_circle_right", "radio_button_unchecked"
SCORES = {"psnr": 31.5, "ssim": 0.91, "l1": 0.02}


@pytest.fixture
def small(project: Project) -> Project:
    return give_pipeline(project)


@pytest.fixture
def fresh(small: Project) -> Project:
    """Every stage has run."""
    assert ended(start("repro", paths=small.paths), small.paths).state == "done"
    return small


def evaluated(project: Project, *, passed: bool) -> None:
    verdict = ["The student is 2.50 dB above Bicubic." if passed else "The student is 1.00 dB below Bicubic."]
    methods = {"student": {"teacher": SCORES}}
    write_json(project.paths.evaluation, {"methods": methods, "gate": {"passed": passed}, "verdict": verdict})


def run_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    return page


def said(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption, *page.warning, *page.error])


def test_a_fresh_clone_is_led_through_its_first_run(small: Project) -> None:
    page = run_page()
    assert "Live works at once" in said(page)
    assert page.button("next-button").label == "Try it on your camera"
    release = hold(small.paths)
    page.button("demo-button").click().run()
    (job,) = jobs(small.paths)
    until(lambda: waits_in("capture", small.paths))
    page.run()
    assert "job 1 runs" in said(page)
    assert "next-button" not in [button.key for button in page.button]  # one thing at a time
    release.unlink()
    assert ended(job, small.paths).state == "done"
    page.run()
    assert page.metric[1].value == "3 of 3"


def steps(page: AppTest) -> dict[str, str]:
    """Each step and its icon."""
    found = (line.value.replace("*", "").split(": ") for line in page.markdown if line.value.startswith(":material/"))
    return {name: icon.removeprefix(":material/") for icon, name in found}


def test_steps_are_ticked_as_they_are_done(small: Project) -> None:
    """Try by opening Live, Record by a clip of one's own, which comes next by itself, Teach by a run."""
    assert steps(run_page()) == {"Try": NEXT} | dict.fromkeys(["Record", "Teach", "Compare", "Use"], OPEN)
    note_live(small.paths)
    page = run_page()
    assert list(steps(page).values())[:2] == [DONE, NEXT]
    assert page.button("next-button").label == "Record a clip"
    make_clip(small.paths, "desk", [photo(12, 16)] * 3)
    page = run_page()
    assert list(steps(page).values())[:3] == [DONE, DONE, NEXT]
    page.button("next-button").click().run()
    (job,) = jobs(small.paths)
    assert ended(job, small.paths).state == "done"
    assert list(steps(run_page()).values()) == [DONE, DONE, DONE, NEXT, OPEN]


def test_the_machine_is_checked_while_the_next_thing_stays_in_sight(small: Project) -> None:
    page = run_page()
    page.button("doctor").click().run()
    (job,) = jobs(small.paths)
    assert job.command == "doctor"
    page.run()
    assert page.button("next-button").label == "Try it on your camera"
    assert ended(job, small.paths).over


def test_what_is_not_up_to_date_comes_next_and_a_failure_before_it(fresh: Project) -> None:
    fresh.change(train={"epochs": 9})
    page = run_page()
    assert "Not up to date: train." in said(page)
    assert page.button("next-button").label == "Run what is not up to date"
    (fresh.root / "fail-train").touch()
    ended(start("repro", paths=fresh.paths), fresh.paths)
    page = run_page()
    assert "train failed" in said(page)
    assert page.button("next-button").label == "Run again"


@pytest.mark.usefixtures("with_database")
def test_then_the_student_the_registry_and_the_own_camera(fresh: Project) -> None:
    evaluated(fresh, passed=False)
    assert "not good enough yet" in said(run_page())
    evaluated(fresh, passed=True)
    page = run_page()
    assert page.button("next-button").label == "Compare it"
    assert page.metric[2].value == "31.50 dB"
    make_clip(fresh.paths, "desk", [photo(12, 16)] * 3)
    assert run_page().metric[0].value == "1 clip"


def test_a_registry_that_cannot_be_read_is_one_sentence(fresh: Project) -> None:
    evaluated(fresh, passed=True)
    (fresh.root / "mlflow.db").write_bytes(b"no database" * 1000)
    page = run_page()
    assert "does not answer as it should" in said(page)
    assert page.metric[1].value == "3 of 3"


@pytest.mark.parametrize("content", ["seed: [7", "seed: 7"])
def test_broken_parameters_come_before_everything(small: Project, content: str) -> None:
    (small.root / "params.yaml").write_text(content)
    assert "params.yaml" in run_page().error[0].value


@pytest.mark.parametrize("content", ["no JSON", "{}", '{"verdict": []}', '{"verdict": 3, "gate": 1}', NO_NUMBER])
def test_a_broken_evaluation_is_as_none(small: Project, content: str) -> None:
    small.paths.evaluation.parent.mkdir()
    small.paths.evaluation.write_text(content)
    assert run_page().metric[2].value == "none yet"


def test_a_folder_without_a_project_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "params.yaml" in run_page().error[0].value
