"""A log becomes two plots beside it; what is no log is said so."""

import pytest
from PIL import Image

from pipeline.core.errors import SharpcamError
from pipeline.core.training_log import read_log
from pipeline.plot import plot_log

LOG = "epoch,train_loss,train_psnr,val_loss,val_psnr\n0,0.1,20.5,0.2,19.5\n1,0.05,25.0,0.1,24.0\n"


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "training_log.csv"
    file.write_text(LOG)
    return file


def test_both_plots_lie_beside_the_log_and_show_something(log):
    plots = plot_log(log)
    assert plots == [log.with_name("loss_plot.png"), log.with_name("psnr_plot.png")]
    for plot in plots:
        picture = Image.open(plot).convert("RGB")
        assert min(picture.size) > 300
        assert len(picture.getcolors(1 << 24)) > 20


def test_the_same_log_gives_the_same_bytes(log):
    first = [plot.read_bytes() for plot in plot_log(log)]
    assert [plot.read_bytes() for plot in plot_log(log)] == first


def test_one_epoch_is_enough(log):
    log.write_text("".join(LOG.splitlines(keepends=True)[:2]))
    assert len(plot_log(log)) == 2


def test_columns_are_read_as_numbers(log):
    assert read_log(log)["val_psnr"] == [19.5, 24.0]
    assert read_log(log)["epoch"] == [0, 1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no epoch yet|is not a training log"),
        ("epoch,train_loss,train_psnr,val_loss,val_psnr\n", "has no epoch yet. Wait for the first to end"),
        ("a,b\n1,2\n", "is not a training log: the columns epoch,train_loss,train_psnr,val_loss,val_psnr are expected"),
        ("epoch,train_loss,train_psnr,val_loss,val_psnr\n0,a,b,c,d\n", "is not a training log"),
        (LOG + "2,0.1", "is not a training log"),
    ],
)
def test_what_is_no_log_is_said_in_a_sentence(log, text, problem):
    log.write_text(text)
    with pytest.raises(SharpcamError, match=problem):
        plot_log(log)


def test_no_log_says_what_to_run(tmp_path):
    with pytest.raises(SharpcamError, match=r'No training log at .*nowhere.csv. Run "dvc repro train" first'):
        plot_log(tmp_path / "nowhere.csv")


def test_the_command_takes_a_log_anywhere(project, log):
    answer = project.run("pipeline.plot", "--log-path", str(log))
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [str(log.with_name(f"{name}_plot.png")) for name in ("loss", "psnr")]
