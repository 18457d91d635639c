"""The page Runs in its empty, normal and broken states, on a real MLflow store."""

import errno
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import streamlit as st
from making import ROOT, git, photo
from streamlit.testing.v1 import AppTest
from tracked import FRAME, make_run

from app import lineage
from app.runs.naming import label, short_names
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import write_frame
from pipeline.tracking import past_runs
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.past_runs import all_runs, curves, pictures
from pipeline.tracking.run import VALIDATION_TAG, Run, start_run

PAGE = ROOT / "app/pages/runs.py"


def run_page(**query: str) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def named(run_id: str, project) -> str:
    """How the page calls the run, in its address too."""
    (run,) = (run for run in all_runs(project.paths) if run.id == run_id)
    return label(run)


def ids(page: AppTest) -> list[str]:
    return page.multiselect(key="runs").value


def test_a_fresh_clone_is_told_what_to_do(project):
    page = run_page()
    assert "A run of the pipeline" in page.info[0].value
    assert not (project.root / "mlflow.db").exists()


@pytest.fixture
def two_runs(with_database, tmp_path):
    """The better one first."""
    worse, better = (make_run(tmp_path, psnr=psnr, params={"rate": psnr}) for psnr in (31.0, 33.0))
    return better, worse


def test_runs_are_compared_best_first(two_runs):
    page = run_page()
    assert page.dataframe[0].value["best PSNR"].tolist() == [33.0, 31.0]
    assert page.dataframe[0].value["above bicubic"].tolist() == [2.0, 2.0]
    assert page.dataframe[0].value["is"].tolist() == ["clearly better than bicubic"] * 2
    assert ids(page) == list(two_runs)
    assert page.selectbox(key="frame").value == FRAME
    difference = page.dataframe[1].value
    assert difference["parameter"].tolist() == ["train.rate"]
    assert difference.iloc[0, 1:].tolist() == ["33.0", "31.0"]
    assert not page.warning


def test_the_figures_of_each_camera_stand_first_the_users_own_before_the_demos(two_runs):
    Run(two_runs[1], mlflow_client()).log_metrics({"camera.demo cameras.student": 33.5, "camera.desk.student": 30.25})
    table = run_page().dataframe[0].value
    assert table.columns.tolist()[2:4] == ["desk (dB)", "demo cameras (dB)"]
    assert table["desk (dB)"].tolist()[1] == 30.25


def test_a_training_has_its_line_of_bicubic_before_it_is_evaluated(with_database, project, tmp_path):
    evaluated = make_run(tmp_path, psnr=33.0)
    assert dashed(run_page()) == [31.0]
    running = start_run(name="student_s", params={})
    running.log_metrics({"bicubic_psnr": 30.5, "bicubic_loss": 0.02})
    assert dashed(run_page(runs=named(running.id, project))) == [30.5]
    Run(evaluated, mlflow_client()).log_metrics({"bicubic_psnr": 30.9})
    assert dashed(run_page(runs=named(evaluated, project))) == [31.0], "the evaluation's, where there is one"


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_a_training_without_an_evaluation_is_above_bicubic_by_what_it_logged_itself(with_database, status):
    run = start_run(name="student_s", params={})
    run.log_metrics({"bicubic_psnr": 30.5})
    assert above_bicubic() == [None], "before its first epoch"
    run.log_metrics({"val_psnr": 31.25})
    if status == "FAILED":
        run.end("FAILED")
    assert above_bicubic() == [0.75]


def above_bicubic() -> list[float | None]:
    """What the table has in that column."""
    column = run_page().dataframe[0].value["above bicubic"]
    return [None if value is None or value != value else value for value in column]


def dashed(page: AppTest) -> list[float]:
    """Where the plot of PSNR has its lines of bicubic."""
    _, plot = page.get("plotly_chart")
    shapes = json.loads(plot.proto.spec)["layout"].get("shapes", [])
    return [shape["y0"] for shape in shapes if shape["line"]["dash"] == "dash"]


def test_the_choice_is_kept_in_the_address_and_what_is_searched_is_found(two_runs, project):
    page = run_page(runs=named(two_runs[0], project), search="rate=31 finished", columns="commit")
    assert ids(page) == [two_runs[0]]
    assert page.dataframe[0].value.columns.tolist() == ["run", "commit"]
    assert len(page.dataframe[0].value) == 1
    page.text_input(key="search").set_value("nothing like it").run()
    assert page.dataframe[0].value.empty
    assert ids(page) == [two_runs[0]]


def test_pictures_are_a_row_for_each_run_and_a_column_for_each_epoch_with_their_error_maps(two_runs, project):
    names = short_names(all_runs(project.paths))
    better, worse = (names[run_id] for run_id in two_runs)
    page = run_page()
    best = [f"{better} · best", f"{worse} · best"]
    assert pictures_shown(page) == ([], ["bicubic", *best, "teacher"])
    page.multiselect(key="epochs").set_value(["best", "epoch-0000"]).run()
    rows, titles = pictures_shown(page)
    assert rows == [
        [f"{better} · epoch 0", f"{better} · best"],
        [f"{worse} · epoch 0", f"{worse} · best"],
        ["bicubic", "teacher"],
    ]
    assert {title for row in rows for title in row} == set(titles)
    (gone,) = (pictures(run, project.paths)[FRAME] for run in all_runs(project.paths) if run.id == two_runs[1])
    gone["epoch-0000"].unlink()
    page.toggle(key="errors").set_value(True).run()
    assert pictures_shown(page)[0][2:] == [
        [None, f"{worse} · best"],
        [None, f"error of {worse} · best"],
        ["bicubic", "teacher"],
        ["error of bicubic", None],
    ]
    assert not page.warning


def test_a_run_that_still_trains_shows_its_last_epoch_in_place_of_the_best(with_database, tmp_path, project):
    run_id = make_run(tmp_path, status="RUNNING")
    (run,) = all_runs(project.paths)
    pictures(run, project.paths)[FRAME]["best"].unlink()
    assert pictures_shown(run_page())[1] == ["bicubic", f"{short_names([run])[run_id]} · last", "teacher"]


def test_an_epoch_that_no_compared_run_has_any_more_is_no_longer_shown(two_runs, project):
    page = run_page()
    page.multiselect(key="epochs").set_value(["epoch-0000", "best"]).run()
    for run in all_runs(project.paths):
        pictures(run, project.paths)[FRAME]["epoch-0000"].unlink()
    page.run()
    assert not page.exception
    assert pictures_shown(page)[0] == []


def pictures_shown(page: AppTest) -> tuple[list[list[str | None]], list[str]]:
    """The rows that the grid was told, and the titles of its pictures."""
    (component,) = page.get("bidi_component")
    told = json.loads(component.proto.json)
    return told["rows"], [picture["title"] for picture in told["pictures"]]


def test_a_locked_database_is_said_and_nothing_is_lost(two_runs, project):
    with closing(sqlite3.connect(project.root / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        page = run_page()
        shown = " ".join(each.value for each in (*page.error, *page.warning))
        assert "locked" in shown
        assert "again" in shown
        other.execute("ROLLBACK")
    assert ids(run_page()) == list(two_runs)


def test_on_a_full_disk_runs_and_curves_are_shown_all_the_same(two_runs, project, full_disk):
    page = run_page()
    assert ids(page) == list(two_runs)
    assert not page.warning
    assert curves(all_runs(project.paths)[0], project.paths)["val_psnr"]


def test_pictures_of_a_server_that_find_no_room_are_a_sentence(two_runs, project, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(past_runs, "download_artifact", full)
    run = replace(all_runs(project.paths)[0], artifacts="mlflow-artifacts:/1")
    with pytest.raises(SharpcamError, match=r"could not be fetched .*\(No space left on device\). Fix that and try"):
        pictures(run, project.paths)


def test_a_run_that_was_deleted_outside_is_no_longer_compared(two_runs):
    better, worse = two_runs
    page = run_page()
    mlflow_client().delete_run(better)
    page.run()
    assert not page.exception
    assert ids(page) in ([worse], [better, worse])
    assert page.dataframe[0].value["best PSNR"].tolist() == [31.0]


def test_runs_that_validated_on_different_frames_have_axes_of_their_own(two_runs):
    assert len(run_page().get("plotly_chart")) == 2
    for run_id in two_runs:
        Run(run_id, mlflow_client()).set_tag(VALIDATION_TAG, f"frames of {run_id}")
    page = run_page()
    assert len(page.get("plotly_chart")) == 4
    assert any("validated on different frames" in each.value for each in page.caption)


def test_without_frames_it_is_said_why_runs_are_not_comparable(two_runs):
    (why,) = (each.value for each in run_page().caption if "Not comparable" in each.value)
    assert "since there are no validation frames yet. Run the pipeline once" in why


def test_runs_are_told_apart_by_what_differs(with_database, project):
    for chain in ("bundled", "light"):
        start_run(name=f"student_m · {chain} · demo · 3 Mar 17:05", params={})
    runs = all_runs(project.paths)
    assert sorted(short_names(runs).values()) == [
        f"student_m · {chain} · 3 Mar 17:05" for chain in ("bundled", "light")
    ]
    assert list(short_names(runs[:1]).values()) == ["student_m · 3 Mar 17:05"]


def test_a_run_without_files_has_curves_and_no_pictures(two_runs, tmp_path, project):
    for run in all_runs(project.paths):
        mlflow_client().delete_run(run.id)
    run_id = start_run(name="student_s", params={}).id
    page = run_page(runs=named(run_id, project))
    assert any("have no pictures" in info.value for info in page.info)
    assert page.dataframe[0].value["status"].tolist() == ["running"]


def test_a_database_that_cannot_be_opened_is_one_sentence(project):
    (project.root / "mlflow.db").mkdir()
    assert "does not answer as it should (unable to open database file)" in run_page().warning[0].value


def test_a_broken_database_is_one_sentence_beside_what_was_last_known(two_runs, project):
    run_page()
    (project.root / "mlflow.db").write_bytes(b"no database" * 1000)
    page = run_page()
    assert "does not answer as it should" in page.warning[0].value
    assert "Shown is what was last known" in page.warning[0].value
    assert len(page.dataframe[0].value) == 2


def test_a_database_that_is_gone_is_one_sentence_beside_what_was_last_known(two_runs, project):
    run_page()
    (project.root / "mlflow.db").unlink()
    page = run_page()
    (warning,) = page.warning
    assert "mlflow.db is gone, and the runs were in it. Put it back from a backup." in warning.value
    assert "Shown is what was last known" in warning.value
    assert not page.info
    assert ids(page) == list(two_runs)
    page.multiselect(key="runs").set_value([two_runs[1]]).run()
    assert not page.exception
    assert not (project.root / "mlflow.db").exists(), "asking it for curves would make an empty one"


def test_a_page_that_was_open_before_notices_when_a_training_begins_and_ends(two_runs, monkeypatch):
    drawn, anew = {}, []

    def fragment(draw, *, run_every):
        def draw_now(*arguments):
            drawn[draw.__name__] = run_every, partial(draw, *arguments)
            draw(*arguments)

        return draw_now

    def tick():
        anew.clear()
        drawn["notice"][1]()
        return len(anew)

    monkeypatch.setattr(st, "fragment", fragment)
    monkeypatch.setattr(st, "rerun", lambda: anew.append(True))
    run_page()
    assert tick() == 0
    run = start_run(name="student_s", params={})
    assert tick() == 1
    run_page()
    assert drawn["show_runs"][0] is not None, "it is live"
    run.log_metrics({"val_psnr": 30.0})
    assert tick() == 0
    run.end("FINISHED")
    assert tick() == 1
    run_page()
    assert drawn["show_runs"][0] is None


def test_pictures_that_cannot_be_compared_are_said_to_be(two_runs, project):
    better, worse = ({run.id: run for run in all_runs(project.paths)}[run_id] for run_id in two_runs)
    of_better, of_worse = (pictures(run, project.paths)[FRAME] for run in (better, worse))
    write_frame(of_better["best"], photo(40, 40))
    of_worse["best"].write_bytes(b"no picture")
    page = run_page()
    page.toggle(key="errors").set_value(True).run()
    assert not page.exception
    shown = "\n".join(each.value for each in page.caption)
    for run in (better, worse):
        assert f"No error map of {short_names([better, worse])[run.id]} · best" in shown


@pytest.mark.parametrize("content", ["stages: [", "stages: {capture: 3}", "<<<<<<< HEAD"])
def test_a_broken_lock_is_a_sentence_and_runs_are_shown(two_runs, project, content):
    (project.root / "dvc.lock").write_text(content)
    page = run_page()
    assert any("dvc.lock is broken" in each.value for each in page.warning)
    assert page.code


def test_a_commit_with_broken_parameters_does_no_harm(project, with_database):
    project.paths.params.write_text("seed: [")
    git(project.root, "commit", "-aqm", "broken")
    start_run(name="s", params={"seed": 7}, tags={"git.commit": git(project.root, "rev-parse", "HEAD")})
    assert lineage.commands(all_runs(project.paths)[0], project.paths)[-1] == "dvc repro"


def test_a_run_that_was_killed_and_went_on_shows_its_new_curves(project, with_database, tmp_path):
    killed = make_run(tmp_path, status="KILLED", epochs=2)
    (run,) = all_runs(project.paths)
    assert len(curves(run, project.paths)["val_psnr"]) == 2
    again = start_run(name="student_m", params={}, resume_id=killed)
    again.log_metrics({"val_psnr": 33.0}, step=2)
    (run,) = all_runs(project.paths)
    assert curves(run, project.paths)["val_psnr"][-1] == (2, 33.0)
    again.log_metrics({"val_psnr": 34.0}, step=3)
    again.end("FINISHED")
    (run,) = all_runs(project.paths)
    assert curves(run, project.paths)["val_psnr"][-1] == (3, 34.0)


def test_commands_take_back_commit_data_and_every_parameter_that_was_changed(project, with_database):
    commit = git(project.root, "rev-parse", "HEAD")
    params = project.change(train={"epochs": 9}, seed=8).model_dump()
    start_run(name="student_s", params=params, tags={"git.commit": commit})
    (run,) = all_runs(project.paths)
    *back, again = lineage.commands(run, project.paths)
    assert back[0] == f"git checkout {commit}"
    assert again == "dvc exp run -S seed=8 -S train.epochs=9"
    git(project.root, "commit", "-aqm", "changed")
    start_run(name="s", params=params, tags={"git.commit": git(project.root, "rev-parse", "HEAD")})
    newest = all_runs(project.paths)[0]
    assert lineage.commands(newest, project.paths)[-1] == "dvc repro"
