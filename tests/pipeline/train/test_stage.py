"""Training: one row an epoch, the same in CSV and MLflow; killed at any moment, it goes on at the last epoch."""

import json
import os
import shutil
import signal
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from dashboards import free_port
from making import PATIENCE_S, Project, git, photo, until

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import write_frame
from pipeline.core.hashing import sha256
from pipeline.core.training_log import read_log
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.experiment import EXPERIMENT
from pipeline.tracking.figures import flatten
from pipeline.tracking.run import VALIDATION_TAG, start_run
from pipeline.train.decoded_frames import decoded_frames
from pipeline.train.stage import fingerprint, train
from training import checkpoints
from training.models import MODELS

HEADER = "epoch,train_loss,train_psnr,val_loss,val_psnr"


def epoch_rows(log: Path) -> list[dict[str, float]]:
    columns = read_log(log)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.fixture
def ready(recorded, with_database):
    """Everything up to the split, and an empty MLflow database."""
    return recorded


def to_its_end(project):
    """Train in a process of its own: libraries that other tests have loaded into pytest's change the last digits."""
    process = project.fork("train")
    process.join(PATIENCE_S)
    assert process.exitcode == 0, (project.paths.logs / "train.txt").read_text()


@pytest.fixture(scope="module")
def unbroken(recorded_once, empty_database, tmp_path_factory):
    """Trained without a break."""
    made = Project(tmp_path_factory.mktemp("unbroken") / "project")
    shutil.copytree(recorded_once.root, made.root)
    shutil.copy(empty_database, made.root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{made.root / 'mlflow.db'}")
        to_its_end(made)
    return made


@pytest.fixture
def store(trained_once, monkeypatch):
    """The MLflow store of the project that went the whole way."""
    monkeypatch.chdir(trained_once.root)  # which its files lie relative to
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained_once.root / 'mlflow.db'}")
    return mlflow_client()


def runs(store=None):
    store = store or mlflow_client()
    experiment = store.get_experiment_by_name(EXPERIMENT)
    return store.search_runs([experiment.experiment_id]) if experiment else []


def rows_of(project):
    return project.paths.training_log.read_text().splitlines()[1:] if project.paths.training_log.exists() else []


def test_the_log_has_the_promised_columns_and_a_line_for_each_epoch(trained_once):
    header, *lines = trained_once.paths.training_log.read_text().splitlines()
    assert header == HEADER
    assert [line.split(",")[0] for line in lines] == ["0", "1", "2"]
    assert all(np.isfinite([float(value) for value in line.split(",")]).all() for line in lines)


def test_csv_and_mlflow_agree_digit_by_digit(trained_once, store):
    (run,) = runs(store)
    for name in HEADER.split(",")[1:]:
        history = sorted(store.get_metric_history(run.info.run_id, name), key=lambda point: point.step)
        column = HEADER.split(",").index(name)
        assert [repr(point.value) for point in history] == [row.split(",")[column] for row in rows_of(trained_once)]
        assert [point.step for point in history] == [0, 1, 2]


def test_the_run_says_from_its_start_what_bicubic_gives_on_its_validation_frames(trained_once, store):
    (run,) = runs(store)
    judged = read_json(trained_once.paths.evaluation, made_by="evaluate")["methods"]["bicubic"]["teacher"]
    for name, measure in (("bicubic_psnr", "psnr"), ("bicubic_loss", "l1")):
        (point,) = store.get_metric_history(run.info.run_id, name)
        assert point.value == judged[measure]
        assert point.step == 0
        assert point.timestamp <= store.get_metric_history(run.info.run_id, "val_psnr")[0].timestamp


def test_the_run_is_finished_and_can_be_traced_back(trained_once, store):
    (run,) = runs(store)
    assert run.info.status == "FINISHED"
    assert run.data.tags["git.commit"] == git(trained_once.root, "rev-parse", "HEAD")
    assert run.data.tags["git.dirty"] == "false"
    assert run.data.params == flatten(trained_once.params.model_dump())


def test_mlflows_own_tools_know_where_the_run_comes_from_and_what_it_read(trained_once, store):
    (run,) = runs(store)
    assert run.data.tags["mlflow.source.git.commit"] == run.data.tags["git.commit"]
    assert run.data.tags["mlflow.source.name"] == "python -m pipeline.train"
    assert run.data.tags["mlflow.user"]
    read = {each.tags[0].value: each.dataset for each in run.inputs.dataset_inputs}
    split = read_json(trained_once.paths.split, made_by="split")
    for role in ("training", "validation"):
        assert json.loads(read[role].profile) == {"frames": sum(map(len, split[role].values()))}
        assert json.loads(read[role].source)["split"] == sha256(trained_once.paths.split)
    assert read["training"].digest != read["validation"].digest
    assert run.data.tags[VALIDATION_TAG].startswith(read["validation"].digest)


def test_the_experiment_opens_as_trainings_and_the_run_shows_its_samples(trained_once, store):
    experiment = store.get_experiment_by_name(EXPERIMENT)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "StudentSR" in experiment.tags["mlflow.note.content"]
    (run,) = runs(store)
    assert run.data.tags["mlflow.loggedImages"] == "True"
    shown = [file.path for file in store.list_artifacts(run.info.run_id, "images") if file.path.endswith(".png")]
    assert len(shown) == len(list(trained_once.paths.samples.glob("*.png")))


def test_what_people_write_about_the_experiment_stays(trained):
    store = mlflow_client()
    number = store.get_experiment_by_name(EXPERIMENT).experiment_id
    store.set_experiment_tag(number, "mlflow.note.content", "ours")
    start_run(name="again", params={}).end("FINISHED")
    assert store.get_experiment(number).tags["mlflow.note.content"] == "ours"


def test_the_run_holds_plots_pictures_weights_and_the_student_as_a_model(trained_once, store):
    (run,) = runs(store)
    files = {file.path for file in store.list_artifacts(run.info.run_id)}
    assert {"training_log.csv", "student_sr.pth", "loss_plot.png", "psnr_plot.png", "samples"} <= files
    assert len(store.list_artifacts(run.info.run_id, "samples")) == 3
    (model,) = store.search_logged_models([run.info.experiment_id])
    signature = mlflow.models.get_model_info(model.model_uri).signature
    assert signature.inputs.inputs[0].shape[1] == 3
    assert signature.outputs is not None
    for name in ("loss_plot.png", "psnr_plot.png"):
        assert trained_once.paths.training_log.with_name(name).is_file()


def test_the_student_carries_all_that_rebuilds_it(trained_once):
    content = torch.load(trained_once.paths.student, weights_only=True)
    assert json.loads(content["recipe"])["model"] == "student_s"
    model, recipe = checkpoints.load(trained_once.paths.student)
    assert isinstance(model, type(MODELS["student_s"]()))
    assert recipe["geometry"] == trained_once.params.geometry.model_dump()
    best = max(epoch_rows(trained_once.paths.training_log), key=lambda row: row["val_psnr"])
    assert recipe["best"] == {"epoch": best["epoch"], "val_psnr": best["val_psnr"]}


def test_what_training_kept_for_a_kill_is_gone_when_it_is_done(trained_once):
    (kept,) = (trained_once.paths.cache / "training").iterdir()
    assert [file.name for file in kept.iterdir()] == ["run.json"]


def test_what_an_orphan_ended_is_not_trained_again_but_what_is_asked_for_again_is(ready, capsys):
    to_its_end(ready)
    student = ready.paths.student.read_bytes()
    train(ready.paths, ready.params)
    assert "an earlier process has ended this very training already" in capsys.readouterr().out
    assert len(runs(mlflow_client())) == 1
    ready.paths.student.unlink()  # as dvc does before it runs the stage anew
    to_its_end(ready)
    assert ready.paths.student.read_bytes() == student
    assert [run.info.status for run in runs(mlflow_client())] == ["FINISHED", "FINISHED"]


@pytest.mark.parametrize("epochs", [1, 3], ids=["after the first epoch", "after the last epoch"])
def test_kill_9_and_start_again_ends_as_an_unbroken_run(ready, unbroken, epochs):
    process = ready.fork("train")
    until(lambda: not process.is_alive() or len(rows_of(ready)) >= epochs)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    (run,) = runs()
    assert run.info.status == "RUNNING"
    to_its_end(ready)
    (same,) = runs()
    assert same.info.run_id == run.info.run_id
    assert same.info.status == "FINISHED"
    history = mlflow_client().get_metric_history(run.info.run_id, "val_psnr")
    assert sorted(point.step for point in history) == [0, 1, 2]
    assert len(mlflow_client().get_metric_history(run.info.run_id, "bicubic_psnr")) == 1
    mine, whole = (epoch_rows(project.paths.training_log) for project in (ready, unbroken))
    for row, expected in zip(mine, whole, strict=True):
        assert row == pytest.approx(expected, abs=1e-6)
    weights, expected = (checkpoints.read(project.paths.student).weights for project in (ready, unbroken))
    torch.testing.assert_close(weights, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, {143}), (signal.SIGINT, {1, 130})])
def test_a_run_that_is_asked_to_end_is_killed_and_gone_on_with(ready, number, codes):
    ready.change(train={"epochs": 10_000})
    process = ready.fork("train")
    until(lambda: not process.is_alive() or len(rows_of(ready)) > 1)
    os.kill(process.pid, number)
    process.join(60)
    said = (ready.paths.logs / "train.txt").read_text()
    assert process.exitcode in codes, said
    assert "Traceback" not in said
    assert [run.info.status for run in runs()] == ["KILLED"]
    assert len(list((ready.paths.cache / "training").glob("*/last.ckpt"))) == 1


def test_an_exception_fails_the_run_and_the_next_start_goes_on_in_it(ready):
    ready.paths.training_log.mkdir(parents=True)  # where the log should be: nothing can be told
    with pytest.raises(OSError, match=r"training_log.csv"):
        train(ready.paths, ready.params)
    (run,) = runs()
    assert run.info.status == "FAILED"
    ready.paths.training_log.rmdir()
    train(ready.paths, ready.change(export={"parity_frames": 1}))
    assert [(run.info.run_id, run.info.status) for run in runs()] == [(run.info.run_id, "FINISHED")]
    assert len(rows_of(ready)) == 3


def test_a_training_that_diverges_says_what_to_change(ready):
    with pytest.raises(SharpcamError, match=r"The loss became NaN or infinite in epoch 0. Lower train.learning_rate"):
        train(ready.paths, ready.change(train={"learning_rate": 1e30}))
    assert [run.info.status for run in runs()] == ["FAILED"]


def fingerprint_of(project, **changes):
    params = project.change(**changes)
    manifest = read_json(project.paths.split, made_by="split")
    split = {part: manifest[part] for part in ("training", "validation")}
    frames = decoded_frames(split, paths=project.paths, geometry=params.geometry)
    return fingerprint(params, MODELS[params.train.model](), frames["training"], frames["validation"])


def test_what_decides_the_result_is_in_the_fingerprint_and_nothing_else(recorded):
    first = fingerprint_of(recorded)
    assert fingerprint_of(recorded, evaluate={"speed_runs": 9}, export={"opset": 19}) == first
    changes = [
        {"seed": 8},
        {"train": {"model": "student_m"}},
        {"train": {"epochs": 4}},
        {"train": {"learning_rate": 0.004}},
        {"geometry": {"fit": "stretch"}},
    ]
    assert len({first, *(fingerprint_of(recorded, **change) for change in changes)}) == 6


def test_a_changed_frame_is_another_training(recorded):
    first = fingerprint_of(recorded)
    folder = recorded.paths.teacher / "demo-00"
    write_frame(folder / "000000.png", photo(128, 160))
    chain = read_json(folder / "chain.json", made_by="teacher")
    chain["frames"]["000000"][1] = sha256(folder / "000000.png")
    write_json(folder / "chain.json", chain)
    assert fingerprint_of(recorded) != first


def test_training_goes_on_from_weights_that_are_named(ready, trained_once):
    start = str(trained_once.paths.student)
    train(ready.paths, ready.change(train={"start_from": start, "epochs": 1, "learning_rate": 1e-9}))
    before, after = (checkpoints.read(project.paths.student).weights for project in (trained_once, ready))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"start_from": "nowhere.pth"}, 'train.start_from is "nowhere.pth", and there is no such file'),
        ({"start_from": "params.yaml"}, "params.yaml does not hold weights of this project .*Correct train.start_from"),
    ],
    ids=str,
)
def test_what_cannot_be_trained_is_said_before_a_run_is_begun(ready, changes, problem):
    with pytest.raises(SharpcamError, match=problem):
        train(ready.paths, ready.change(train=changes))
    assert runs() == []


def test_another_student_than_the_weights_are_of_is_refused(ready, trained_once):
    with pytest.raises(SharpcamError, match=r"holds a student_s, train.model asks for a student_m"):
        train(ready.paths, ready.change(train={"model": "student_m", "start_from": str(trained_once.paths.student)}))


def test_without_a_git_repository_nothing_is_trained(ready, monkeypatch):
    shutil.rmtree(ready.root / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(ready.root.parent))
    with pytest.raises(SharpcamError, match=r'There is no git commit here.*Run "git init'):
        train(ready.paths, ready.params)
    assert runs() == []
    assert not ready.paths.student.exists()


def test_without_a_split_it_is_said_what_to_run(project):
    with pytest.raises(SharpcamError, match=r'No .*split.json. Run "dvc repro split" first'):
        train(project.paths, project.params)


def test_a_training_ends_early_when_it_gets_no_better_and_stays_ended(ready, capsys):
    params = ready.change(train={"epochs": 50, "learning_rate": 1e-9, "patience_epochs": 1})
    train(ready.paths, params)
    rows = epoch_rows(ready.paths.training_log)
    assert len(rows) < 50
    assert "no better epoch in the last 1; ended early" in capsys.readouterr().out


@pytest.mark.slow
def test_two_machines_train_together_as_docs_cluster_has_it(ready, monkeypatch):
    ready.change(train={"num_nodes": 2, "epochs": 2})
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    machines = []
    for rank in ("0", "1"):  # one machine plays both, in one folder, as on a file system that they share
        monkeypatch.setenv("NODE_RANK", rank)
        machines.append(ready.start("pipeline.train"))
    said = [machine.communicate(timeout=4 * PATIENCE_S)[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert [row["epoch"] for row in epoch_rows(ready.paths.training_log)] == [0, 1]
    assert [run.info.status for run in runs()] == ["FINISHED"]
    crops, batch = ready.params.train.crops_per_epoch, ready.params.train.batch_size
    assert f"/{2 * crops // (2 * batch)} " in said[0]  # steps of two epochs: each machine takes a batch of its own


@pytest.mark.slow
def test_two_processes_train_together_and_one_writes(ready):
    ready.change(train={"devices": 2, "epochs": 2})
    process = ready.run("pipeline.train")
    assert process.returncode == 0, process.stderr
    rows = epoch_rows(ready.paths.training_log)
    assert [row["epoch"] for row in rows] == [0, 1]
    assert [run.info.status for run in runs()] == ["FINISHED"]
    _, recipe = checkpoints.load(ready.paths.student)
    assert recipe["best"]["val_psnr"] == max(row["val_psnr"] for row in rows)
