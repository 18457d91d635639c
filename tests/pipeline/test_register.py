"""Registering the student in a real MLflow store: once, with its files, judged by its own evaluation only."""

import json
import shutil

import pytest
from making import git

from pipeline.core import provenance
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.hashing import sha256
from pipeline.core.progress import PROGRESS_FILE, REGISTER
from pipeline.register import main, register, tags_of
from pipeline.student import catalogue
from pipeline.tracking import registry
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.past_runs import all_runs
from pipeline.tracking.registry import CANDIDATE
from pipeline.tracking.run import STUDENT_TAG, run_of_student, start_run


def judge(project, **changes):
    """Change metrics/evaluation.json."""
    judged = read_json(project.paths.evaluation, made_by="evaluate") | changes
    write_json(project.paths.evaluation, judged)


def passed(margin=1.0):
    return {"passed": margin >= 0.2, "best_resize": "bicubic", "margin_db": margin, "needed_db": 0.2}


def only_version(project):
    (version,) = registry.versions(project.paths)
    return version


def test_the_student_is_registered_once_with_its_files_and_its_origin(trained, capsys, tmp_path):
    judge(trained, gate=passed())
    register(trained.paths)
    assert "version 1 of StudentSR is new; it passed the gate" in capsys.readouterr().out
    version = only_version(trained)
    judged = read_json(trained.paths.evaluation, made_by="evaluate")
    contract = read_json(trained.paths.contract, made_by="export")
    assert version.aliases == (CANDIDATE,)
    assert version.tags["onnx_sha256"] == sha256(trained.paths.student_onnx)
    assert version.tags["gate"] == "passed"
    assert version.tags["evaluation.student.teacher.psnr"] == str(judged["methods"]["student"]["teacher"]["psnr"])
    psnr = judged["cameras"]["demo cameras"]["methods"]["student"]["teacher"]["psnr"]
    assert version.tags["camera.demo cameras.student"] == str(psnr)
    assert version.tags["git.commit"] == provenance.versions(trained.root)["git.commit"]
    assert version.tags["split"] == contract["data"]["split"]
    assert version.run_id == run_of_student(sha256(trained.paths.student)).id

    store = mlflow_client()
    model = store.get_model_version(registry.NAME, str(version.number)).source.removeprefix("models:/")
    assert model in {output.model_id for output in store.get_run(version.run_id).outputs.model_outputs}
    linked = {metric.key: metric.value for metric in store.get_logged_model(model).metrics}
    assert linked["evaluation.student.teacher.psnr"] == judged["methods"]["student"]["teacher"]["psnr"]

    folder = registry.download(version.number, tmp_path)
    expected = {trained.paths.student.name, trained.paths.contract.name, *contract["files"]}
    assert {file.name for file in folder.iterdir()} == expected
    for file in folder.iterdir():
        assert file.read_bytes() == (trained.root / "weights" / file.name).read_bytes()

    register(trained.paths)
    assert "holds this student already" in capsys.readouterr().out
    shutil.rmtree(trained.paths.logs / "registered")
    register(trained.paths)
    assert "version 1 of StudentSR is this student already" in capsys.readouterr().out
    assert only_version(trained).number == 1


def test_a_call_reports_how_far_it_is_and_a_second_one_imports_no_mlflow(trained, tmp_path, monkeypatch):
    judge(trained, gate=passed())
    monkeypatch.setenv(PROGRESS_FILE, str(tmp_path / "progress.json"))
    first = trained.run("pipeline.register")
    assert first.returncode == 0, first.stderr
    bar = read_json(tmp_path / "progress.json", made_by="register")
    assert (bar["stage"], bar["done"], bar["total"]) == (REGISTER, 3, 3)
    code = "import sys; from pipeline.register import main; sys.argv = ['x']; main(); print('mlflow' in sys.modules)"
    second = trained.call("python", "-c", code)
    assert second.stdout.splitlines() == ["register: StudentSR holds this student already", "False"]


@pytest.mark.parametrize(
    ("changes", "gate", "said"),
    [
        ({"gate": passed(margin=0.1)}, "failed", "it did not pass the gate"),
        ({"gate": passed(), "student_sha256": "of another"}, "unknown", "metrics/evaluation.json is not its own"),
    ],
)
def test_a_student_without_a_passed_gate_of_its_own_is_no_candidate(trained, capsys, changes, gate, said):
    judge(trained, **changes)
    register(trained.paths)
    assert said in capsys.readouterr().out
    assert only_version(trained).aliases == ()
    assert only_version(trained).tags["gate"] == gate


def test_another_evaluation_of_the_same_student_makes_it_a_candidate_or_no_longer_one(trained):
    judge(trained, gate=passed(margin=0.1))
    register(trained.paths)
    judge(trained, gate=passed())
    register(trained.paths)
    assert only_version(trained).aliases == (CANDIDATE,)
    judge(trained, gate=passed(margin=0.1))
    register(trained.paths)
    assert only_version(trained).aliases == ()
    assert only_version(trained).tags["gate"] == "failed"


def test_a_run_that_was_trained_anew_to_the_same_bytes_gets_the_evaluation_that_dvc_did_not_repeat(trained):
    register(trained.paths)
    again = start_run(name="student_s", params={})
    again.set_tag(STUDENT_TAG, sha256(trained.paths.student))
    register(trained.paths)
    store = mlflow_client()
    judged = read_json(trained.paths.evaluation, made_by="evaluate")
    metrics = store.get_run(again.id).data.metrics
    assert metrics["evaluation.student.teacher.psnr"] == judged["methods"]["student"]["teacher"]["psnr"]
    assert json.loads(store.get_run(again.id).data.tags["gate"]) == judged["gate"]
    assert only_version(trained).number == 1


def test_a_student_whose_run_is_not_known_is_registered_with_the_commit_of_the_tree(trained):
    run = run_of_student(sha256(trained.paths.student))
    mlflow_client().delete_run(run.id)
    register(trained.paths)
    version = only_version(trained)
    assert version.run_id == ""
    assert version.tags["git.commit"] == provenance.versions(trained.root)["git.commit"]


def test_a_colleague_who_registers_the_same_student_leaves_its_origin_and_its_evaluation(trained, capsys):
    judge(trained, gate=passed())
    register(trained.paths)
    first = only_version(trained)
    git(trained.root, "commit", "-q", "--allow-empty", "-m", "a colleague's")
    shutil.rmtree(trained.paths.logs)  # which no clone has
    judge(trained, student_sha256="of the colleague's own")
    register(trained.paths)
    assert "version 1 of StudentSR is this student already" in capsys.readouterr().out
    assert only_version(trained) == first
    assert first.tags["git.commit"] != git(trained.root, "rev-parse", "HEAD")


def test_weights_that_were_not_exported_are_refused(trained):
    trained.paths.student.write_bytes(b"newer than the export")
    with pytest.raises(SharpcamError, match=r'is not the student that was exported. Run "dvc repro export"'):
        register(trained.paths)
    assert registry.versions(trained.paths) == []


def test_without_a_student_it_is_said_what_to_run(project):
    answer = project.run("pipeline.register")
    assert answer.returncode == 1
    assert answer.stderr.startswith('sharpcam: No weights/student_sr.json. Run "dvc repro export" first')
    assert not (project.root / "mlflow.db").exists()


def test_files_of_a_version_are_fetched_once_and_held_to_their_hashes(trained):
    register(trained.paths)
    shutil.rmtree(trained.paths.registry)
    model = catalogue.find("version:1", trained.paths)
    folder = catalogue.materialize(model, trained.paths)
    assert folder == trained.paths.registry / sha256(trained.paths.student_onnx)
    onnx = folder / trained.paths.student_onnx.name
    assert onnx.read_bytes() == trained.paths.student_onnx.read_bytes()
    onnx.write_bytes(b"damaged")
    catalogue.materialize(model, trained.paths)
    assert onnx.read_bytes() == trained.paths.student_onnx.read_bytes()


def test_a_version_says_what_its_dials_are(dialled_once):
    contract = read_json(dialled_once, made_by="export")
    tags = tags_of(contract)
    assert tags["dials.neutral.blur"] == str(contract["dials"]["neutral"][0])
    assert tags["dials.estimator"] == "yes"
    del contract["dials"]
    assert not [name for name in tags_of(contract) if name.startswith("dials")]


def test_a_garbage_database_is_one_sentence_and_no_success(trained, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["register"])
    register(trained.paths)
    (trained.root / "mlflow.db").write_bytes(b"no database" * 1000)
    capsys.readouterr()
    assert main() == 1
    said = capsys.readouterr()
    assert "holds this student already" not in said.out
    assert "does not answer as it should (file is not a database). Fix that and try again." in said.err
    assert len(said.err.splitlines()) == 1


def test_in_another_database_the_student_is_registered_anew(trained, capsys, empty_database):
    register(trained.paths)
    shutil.copy(empty_database, trained.root / "mlflow.db")
    capsys.readouterr()
    register(trained.paths)
    assert "version 1 of StudentSR is new" in capsys.readouterr().out


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e999", '"nan"', "null", "[]"])
def test_an_evaluation_whose_figures_are_not_finite_is_refused(trained, figure):
    text = trained.paths.evaluation.read_text()
    psnr = json.dumps(json.loads(text)["methods"]["student"]["teacher"]["psnr"])
    trained.paths.evaluation.write_text(text.replace(f'"psnr": {psnr}', f'"psnr": {figure}'))
    with pytest.raises(SharpcamError, match=r"evaluation\.json (is not|holds).*"):
        register(trained.paths)
    assert registry.versions(trained.paths) == []


@pytest.mark.parametrize("part", ["methods", "cameras", "gate", "verdict", "data_sha256"])
@pytest.mark.parametrize("content", [None, [], {}, 3, "text"], ids=str)
def test_an_evaluation_of_another_shape_is_one_sentence(trained, part, content):
    if (part, content) in (
        ("verdict", "text"),
        ("data_sha256", "text"),
        ("cameras", {}),
        ("verdict", []),
        ("verdict", {}),
    ):
        return  # sentences and hashes are text
    judge(trained, **{part: content})
    with pytest.raises(SharpcamError, match=r'evaluation\.json is not a valid evaluation.*--force evaluate"'):
        register(trained.paths)


def test_a_training_that_was_killed_is_settled_by_the_next_command(trained):
    killed = start_run(name="student_s", params={})
    killed.set_tag("sharpcam.pid", "999999999")
    kept = start_run(name="student_s", params={})
    for tag in ("sharpcam.pid", "sharpcam.born"):
        kept.set_tag(tag, "edited by hand")
    all_runs(trained.paths)  # a page has looked meanwhile
    register(trained.paths)
    status = {run.id: run.status for run in all_runs(trained.paths)}
    assert status[killed.id] == "KILLED"
    assert status[kept.id] == "RUNNING"
