"""training_log.csv: a line for each epoch of a training, every digit."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes

COLUMNS = ("epoch", "train_loss", "train_psnr", "val_loss", "val_psnr")


def write_log(log: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the file as a whole: one row for each epoch, with a value for each of COLUMNS."""
    lines = [",".join(COLUMNS)]
    lines += [",".join([str(int(row["epoch"])), *(repr(row[name]) for name in COLUMNS[1:])]) for row in rows]
    write_bytes(log, ("\n".join(lines) + "\n").encode())


def read_log(log: Path) -> dict[str, list[float]]:
    """The columns of a training log. Raises SharpcamError where it is missing, empty or no such log."""
    if not log.is_file():
        raise SharpcamError(f'No training log at {log}. Run "dvc repro train" first, or give --log-path.')
    with log.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    try:
        columns = {name: [float(row[name]) for row in rows] for name in COLUMNS}
    except (KeyError, TypeError, ValueError):
        raise SharpcamError(f"{log} is not a training log: the columns {','.join(COLUMNS)} are expected.") from None
    if not rows:
        raise SharpcamError(f"{log} has no epoch yet. Wait for the first to end.")
    return columns
