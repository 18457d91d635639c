"""Drawn pictures to learn from beside photographs: print, lines and shapes with edges as hard as pixels allow.

Landscapes hold few of them, and webcams see many: pages, boxes, screens, keyboards.
"""

import string
from collections.abc import Callable
from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

WIDTH, HEIGHT = 960, 720
OVERSAMPLING = 2  # drawn so much larger and then reduced, for smooth edges
LETTERS = string.ascii_letters + string.digits + 12 * " " + ".,:;-+()%&?!"
PANELS = 24

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom
Draw = Callable[[ImageDraw.ImageDraw, Box, Random], None]


def drawing(seed: int) -> Tensor:
    """A picture (3, HEIGHT, WIDTH) uint8 of panels of print, lines and shapes, a function of the seed alone."""
    numbers = Random(seed)
    canvas = Image.new("RGB", (OVERSAMPLING * WIDTH, OVERSAMPLING * HEIGHT), _colour(numbers))
    for _ in range(PANELS):
        _panel(canvas, numbers)
    reduced = canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(reduced).copy()).permute(2, 0, 1).contiguous()


def _panel(canvas: Image.Image, numbers: Random) -> None:
    """Put one tilted panel somewhere on the canvas."""
    width, height = numbers.randint(300, 1000), numbers.randint(300, 800)
    panel = Image.new("RGB", (width, height), _colour(numbers))
    numbers.choice((_print, _print, _lines, _shapes))(ImageDraw.Draw(panel), (0, 0, width, height), numbers)
    angle = numbers.choice((0.0, 90.0, numbers.uniform(-30, 30)))
    whole = Image.new("L", panel.size, 255)
    turned, mask = (each.rotate(angle, Image.Resampling.BICUBIC, expand=True) for each in (panel, whole))
    at = numbers.randint(-200, canvas.width - 200), numbers.randint(-200, canvas.height - 200)
    canvas.paste(turned, at, mask)


def _print(draw: ImageDraw.ImageDraw, box: Box, numbers: Random) -> None:
    """Lines of random letters in one size and colour."""
    size = OVERSAMPLING * round(8 * 6 ** numbers.random())
    font, colour, top = ImageFont.load_default(size), _colour(numbers), size // 2
    while top < box[3]:
        line = "".join(numbers.choices(LETTERS, k=2 * box[2] // size))
        draw.text((size // 2, top), line, colour, font)
        top += round(1.3 * size)


def _lines(draw: ImageDraw.ImageDraw, box: Box, numbers: Random) -> None:
    """A grating, or a grid, whose pitch widens."""
    pitch, colour, grid = OVERSAMPLING * numbers.uniform(3, 16), _colour(numbers), numbers.random() < 0.4
    place = 0.0
    while place < max(box[2:]):
        thickness = max(1, round(pitch * numbers.uniform(0.3, 0.6)))
        draw.line((place, 0, place, box[3]), colour, thickness)
        if grid:
            draw.line((0, place, box[2], place), colour, thickness)
        place += pitch
        pitch *= 1.01


def _shapes(draw: ImageDraw.ImageDraw, box: Box, numbers: Random) -> None:
    """Discs, rings and triangles of all sizes."""
    for _ in range(40):
        x, y, radius = numbers.randint(0, box[2]), numbers.randint(0, box[3]), round(6 * 16 ** numbers.random())
        around = (x - radius, y - radius, x + radius, y + radius)
        kind = numbers.randrange(3)
        if kind == 0:
            draw.ellipse(around, _colour(numbers))
        elif kind == 1:
            draw.ellipse(around, None, _colour(numbers), max(2, radius // 5))
        else:
            draw.polygon(
                [(numbers.randint(*around[::2]), numbers.randint(*around[1::2])) for _ in range(3)], _colour(numbers)
            )


def _colour(numbers: Random) -> Colour:
    """Mostly greys and pale or dark tones, as print and furniture have them."""
    grey, tint = numbers.randint(0, 255), numbers.choice((0, 30, 120))
    return (
        min(255, max(0, grey + numbers.randint(-tint, tint))),
        min(255, max(0, grey + numbers.randint(-tint, tint))),
        min(255, max(0, grey + numbers.randint(-tint, tint))),
    )
