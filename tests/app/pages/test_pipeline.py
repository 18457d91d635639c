"""The page of the pipeline in its empty, normal and broken states, its jobs real."""

import dataclasses
import fcntl
import shutil
import time
from pathlib import Path

import pytest
from making import ROOT, Project, until
from small_pipeline import ended, give_pipeline, hold, waits_in
from streamlit.testing.v1 import AppTest

from app.jobs import find, jobs, start
from app.jobs.job import LOCK
from pipeline.core.files import write_json
from pipeline.core.paths import Paths
from pipeline.core.progress import REGISTER
from pipeline.forecast import Forecast, forecast_file, state

PAGE = ROOT / "app/pages/pipeline.py"


@pytest.fixture
def small(project: Project) -> Project:
    return give_pipeline(project)


def run_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    return page


def said(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(str(element.value) for element in elements) + "\n".join(graph(page))


def graph(page: AppTest) -> list[str]:
    return [element.proto.body for element in page.get("html")]


def past_job(paths: Paths, number: int, **state: object) -> Path:
    folder = paths.logs / f"jobs/{number:06d}"
    request = {"command": "repro", "arguments": [], "lane": "pipeline", "asked": time.time() - 60}
    write_json(folder / "request.json", request)
    if state:
        write_json(folder / "state.json", state)
    return folder


@pytest.mark.usefixtures("small")
def test_a_fresh_clone_sees_the_stages_and_what_a_press_would_run() -> None:
    page = run_page()
    assert "**Run** will execute **capture, teacher, train**" in said(page)
    assert "never run" in said(page)
    assert "No job yet" in said(page)
    assert page.button("estimate").label == "Estimate the teacher's run"
    assert not page.button("run").disabled


def test_what_the_teacher_costs_is_said_before_it_starts(small: Project) -> None:
    cost = Forecast(frames=9, total=10, chain="bundled", seconds=7200.0, bytes=3 * 10**9, cache_bytes=0)
    write_json(
        forecast_file(small.paths), {"state": state(small.paths, small.params), "forecast": dataclasses.asdict(cost)}
    )
    page = run_page()
    assert "about 2.0 h on this machine, and 3 GB on disk" in said(page)
    page.segmented_control("scope").set_value("this").run()
    page.selectbox("stage").set_value("train").run()
    assert "GB on disk" not in said(page)


def test_scope_stage_and_force_change_what_a_press_would_run(small: Project) -> None:
    page = run_page()
    page.segmented_control("scope").set_value("from").run()
    page.selectbox("stage").set_value("teacher").run()
    assert "**Run** will execute **teacher, train**" in said(page)
    assert "teacher would read what capture left, which is not fresh" in said(page)
    page.segmented_control("scope").set_value("this").run()
    assert "**Run** will execute **teacher** (" in said(page)


def test_a_press_starts_one_job_which_is_shown_stopped_and_kept(small: Project) -> None:
    release = hold(small.paths)
    page = run_page()
    page.button("run").click().run()
    page.button("run").click().run()  # the second press, or that of another tab
    (job,) = jobs(small.paths)
    until(lambda: waits_in("capture", small.paths))
    page.run()
    assert "**Pipeline** · job 1 runs" in said(page)
    assert page.button("run").label == "Queue"
    page.button("stop-1").click().run()
    assert find(1, small.paths).stop_asked
    assert "is asked to stop" in said(page)
    assert page.button("kill-1").label == "Kill at once"
    release.unlink()
    ended(job, small.paths)
    page.run()
    assert not page.exception
    assert [expander.label.split(" · ")[2] for expander in page.expander] == ["cancelled"]
    assert page.button("run").label == "Run"


def test_a_dry_run_runs_nothing(small: Project) -> None:
    page = run_page()
    page.button("dry").click().run()
    (job,) = jobs(small.paths)
    assert ended(job, small.paths).state == "done"
    log = find(1, small.paths).tail()
    assert all(f"> python code/{name}.py" in log for name in ("capture", "teacher", "train"))
    assert not (small.root / "capture.txt").exists()


def test_the_log_keeps_its_colours_and_is_escaped(small: Project) -> None:
    (small.root / "fail-capture").touch()
    job = ended(start("repro", ["--single-item", "capture"], paths=small.paths), small.paths)
    assert job.state == "failed"
    page = run_page()
    (log,) = [body for body in graph(page) if 'role="log"' in body]
    assert "&lt;Fix&gt;" in log
    assert "<Fix>" not in log
    assert "color: #" in log
    assert "capture failed" in page.error[0].value


def test_jobs_that_vanished_failed_or_were_killed_are_told_apart(small: Project) -> None:
    now = time.time()
    past_job(small.paths, 1)
    past_job(small.paths, 2, started=now - 50, ended=now - 40, status=3)
    past_job(small.paths, 3, started=now - 30, ended=now - 20, status=-9).joinpath("kill").touch()
    (small.paths.logs / "jobs/000004").mkdir()
    labels = [expander.label for expander in run_page().expander]
    assert [label.split(" · ")[2] for label in labels] == ["killed", "failed", "vanished"]
    assert "exit status 3" in labels[1]


def test_one_bar_spans_the_run_until_the_student_is_registered(small: Project) -> None:
    folder = past_job(small.paths, 1, started=time.time() - 60)
    with (folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as its keeper holds it
        write_json(
            folder / "progress.json", {"stage": REGISTER, "what": "register", "done": 1, "total": 3, "left_s": 2}
        )
        texts = [bar.proto.text for bar in run_page().get("progress")]
    assert texts == ["Whole run: 99% · the student is being registered", "register: 33% · 2 s left"]


@pytest.mark.parametrize(
    ("file", "content", "names"),
    [("params.yaml", "seed: [7", "params.yaml"), ("dvc.lock", "stages: [", "dvc.lock"), ("dvc.yaml", "]", "dvc.yaml")],
)
def test_broken_files_are_one_sentence_and_the_history_stays(
    small: Project, file: str, content: str, names: str
) -> None:
    past_job(small.paths, 1, started=1.0, ended=2.0, status=0)
    (small.root / file).write_text(content)
    page = run_page()
    assert [names in error.value for error in page.error] == [True]
    assert len(page.expander) == 1


def test_a_folder_without_a_project_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "params.yaml" in run_page().error[0].value


def test_the_page_is_there_within_a_second_with_two_hundred_jobs(small: Project) -> None:
    first = past_job(small.paths, 1, started=1.0, ended=2.0, status=0)
    (first / "log").write_text("a line\n" * 5000)
    for number in range(2, 201):
        shutil.copytree(first, small.paths.logs / f"jobs/{number:06d}")
    page = run_page()
    started = time.process_time()  # of this process: the machine may be busy
    page.run()
    assert time.process_time() - started < 1
    assert len(page.expander) == 20
