"""The wall of photographs that the demo's cameras look at."""

from importlib.resources import files

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor

from training.camera import sensor as camera

# Rows of the wall: (height the photographs are cut to, photographs).
ROWS = (
    (500, ("astronaut.png", "motorcycle_left.png", "camera.png", "moon.png")),
    (427, ("rocket.jpg", "china.jpg", "flower.jpg", "page.png")),
    (400, ("coffee.png", "hubble_deep_field.jpg", "cell.png")),
    (300, ("chelsea.png", "coins.png", "text.png", "color.png", "ihc.png")),
)
IN_SCIKIT_LEARN = ("china.jpg", "flower.jpg")


def hang_wall(generator: Generator) -> Tensor:
    """The wall (3, H, W) in linear light: the rows, and the photographs in each, in random order."""
    order = torch.randperm(len(ROWS), generator=generator).tolist()
    rows = [_hang_row(ROWS[index][0], ROWS[index][1], generator) for index in order]
    width = max(row.shape[1] for row in rows)
    filled = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), mode="reflect") for row in rows]
    return camera.to_linear(torch.from_numpy(np.concatenate(filled)).permute(2, 0, 1).float() / 255)


def _hang_row(height: int, names: tuple[str, ...], generator: Generator) -> NDArray[np.uint8]:
    order = torch.randperm(len(names), generator=generator).tolist()
    return np.concatenate([_hang_photo(names[index], height) for index in order], axis=1)


def _hang_photo(name: str, height: int) -> NDArray[np.uint8]:
    """A photograph (height, W, 3) RGB, cut (never scaled) about its middle; what is lower is mirrored downwards."""
    folder = files("sklearn.datasets") / "images" if name in IN_SCIKIT_LEARN else files("skimage") / "data"
    with (folder / name).open("rb") as file:
        photo = np.asarray(Image.open(file).convert("RGB"))
    top = max(0, (photo.shape[0] - height) // 2)
    cut = photo[top : top + height]
    return np.pad(cut, ((0, height - cut.shape[0]), (0, 0), (0, 0)), mode="symmetric")
