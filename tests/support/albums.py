"""Small pictures to enhance, the engine to do it with, and what the report says of them."""

import csv
from pathlib import Path

from making import photo

from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.write import write_picture
from pipeline.enhance.names import REPORT

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")


def picture(path: Path, *, size=(20, 30), seed: int = 0) -> Path:
    write_picture(path, Picture(photo(*size, seed=seed)))
    return path


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / REPORT).open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}
