"""A run ends as what its work came to, whichever command it belongs to."""

import pytest

from pipeline.core.errors import SharpcamError
from pipeline.tracking.ending import ending


class Run:
    """What is told how it ended."""

    status = "RUNNING"

    def end(self, status):
        self.status = status


@pytest.mark.parametrize(
    ("raised", "status"),
    [(KeyboardInterrupt, "KILLED"), (SystemExit(143), "KILLED"), (SharpcamError("no"), "FAILED"), (OSError, "FAILED")],
)
def test_a_run_ends_as_what_stopped_its_work(raised, status):
    run = Run()
    with pytest.raises((KeyboardInterrupt, SystemExit, SharpcamError, OSError)), ending(run):
        raise raised
    assert run.status == status


def test_a_run_whose_work_is_done_is_finished():
    run = Run()
    with ending(run):
        assert run.status == "RUNNING"
    assert run.status == "FINISHED"
