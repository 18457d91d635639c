"""Two pictures in a row: what is measured of them, and the memory that it takes."""

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from making import photo

from pipeline.core.geometry import Frame, resize
from pipeline.enhance import comparison
from pipeline.enhance.comparison import Comparison, likeness
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.read import enhancing_bytes
from pipeline.enhance.images.write import write_picture
from training import metrics


def doubled(picture: Frame) -> Frame:
    return resize(picture, size=(2 * picture.shape[1], 2 * picture.shape[0]), kernel="bicubic")


def beside_another() -> Comparison:
    student: Any = SimpleNamespace(enhance=doubled, target=None, scale=2)
    return Comparison(student, lambda picture: 255 - doubled(picture), "other", {})


def test_both_lie_in_a_row_each_under_its_name():
    picture = photo(40, 60)
    made = beside_another().enhance(picture)
    assert made.shape == (80, 240, 3)
    for left, expected in ((0, 255 - doubled(picture)), (120, doubled(picture))):
        half = made[:, left : left + 120]
        assert np.array_equal(half[30:], expected[30:])
        assert not np.array_equal(half[:30], expected[:30])  # the caption


@pytest.mark.parametrize("strip_px", [11, 300, 1 << 20])
def test_the_likeness_of_strips_is_that_of_the_whole(strip_px, monkeypatch):
    monkeypatch.setattr(comparison, "STRIP_PX", strip_px)
    made, other = photo(90, 70), doubled(photo(45, 35))
    a, b = (torch.from_numpy(each).permute(2, 0, 1)[None] / 255 for each in (made, other))
    found = likeness(made, other)
    assert found["ssim"] == pytest.approx(float(metrics.ssim(a, b)), abs=1e-6)
    assert found["psnr"] == pytest.approx(float(metrics.psnr(a, b)), abs=1e-4)
    assert likeness(made, made) == {"psnr": 100.0, "ssim": pytest.approx(1)}


def test_a_comparison_holds_the_row_and_one_picture_on_its_way(tmp_path: Path):
    """And says so, so that what runs beside it finds room."""
    picture = photo(600, 800)
    file = tmp_path / "a.png"
    write_picture(file, Picture(picture))
    compared = beside_another()
    compared.enhance(picture[:40, :40])  # torch is loaded
    tracemalloc.start()
    try:
        compared.enhance(picture)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert picture.nbytes + most < 1.2 * enhancing_bytes(file, compared=True)
    assert most < 13.5 * picture.nbytes  # 2 x 4 of the row, 4 on its way, 1 reduced again; and what is inverted here
