"""Asked gently, a stage ends with its frame or epoch: nothing of what it began is lost."""

from pathlib import Path

import pytest
from making import Project, until

from pipeline.core.command import INTERRUPTED, run_stage
from pipeline.core.progress import progress
from pipeline.core.stop import STOP_FILE
from pipeline.tracking.client import mlflow_client


@pytest.fixture
def stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that asks; not there yet."""
    monkeypatch.setenv(STOP_FILE, str(tmp_path / "stop"))
    return tmp_path / "stop"


def test_the_frame_at_hand_is_finished_and_no_other_begun(
    project: Project, stop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = []

    def work(*_: object) -> None:
        for frame in progress(range(5), what="frames"):
            if frame == 2:
                stop.touch()
            finished.append(frame)

    assert run_stage("frames", work) == INTERRUPTED
    assert finished == [0, 1, 2]
    assert "as asked" in capsys.readouterr().err
    finished.clear()
    assert run_stage("frames", work) == INTERRUPTED  # the next stage of the same job does not even begin
    assert finished == []
    stop.unlink()


@pytest.mark.usefixtures("with_database")
def test_a_training_ends_with_its_epoch_and_its_run_is_killed(recorded: Project, stop: Path) -> None:
    recorded.change(train={"epochs": 10_000})
    process = recorded.fork("train")
    log = recorded.paths.training_log
    until(lambda: not process.is_alive() or (log.exists() and len(log.read_text().splitlines()) > 2))
    stop.touch()
    process.join(60)
    said = (recorded.paths.logs / "train.txt").read_text()
    assert process.exitcode in (1, INTERRUPTED), said
    assert "as asked" in said
    assert "Traceback" not in said
    store = mlflow_client()
    (run,) = store.search_runs([found.experiment_id for found in store.search_experiments()])
    assert run.info.status == "KILLED"
    epochs = len(log.read_text().splitlines()) - 1
    assert len(store.get_metric_history(run.info.run_id, "val_psnr")) == epochs
    assert len(list((recorded.paths.cache / "training").glob("*/last.ckpt"))) == 1
