"""Cutting a picture of any size into overlapping tiles of one size, and where each tile's answer belongs."""

from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """A tile along one side, in pixels: what is read, and the part of it whose answer is kept."""

    start: int
    end: int
    keep_start: int
    keep_end: int


class Tile(NamedTuple):
    """A tile of a picture."""

    y: Span
    x: Span


def spans(side: int, *, tile_px: int, overlap_px: int) -> list[Span]:
    """Cover `side` pixels with tiles of `tile_px` (of all, where there are fewer) that begin at even pixels.

    What is kept lies `overlap_px` inside its tile, but for the picture's own edge. `side`, `tile_px` and `overlap_px`
    are even.
    """
    if side <= tile_px:
        return [Span(0, side, 0, side)]
    step = tile_px - 2 * overlap_px
    starts = [*range(0, side - tile_px, step), side - tile_px]
    kept = [0, *(start + overlap_px for start in starts[1:]), side]
    return [Span(start, start + tile_px, kept[i], kept[i + 1]) for i, start in enumerate(starts)]


def tiles(height: int, width: int, *, tile_px: int, overlap_px: int) -> Iterator[Tile]:
    """The tiles of a picture, row by row; what they keep covers it without overlapping."""
    for y in spans(height, tile_px=tile_px, overlap_px=overlap_px):
        for x in spans(width, tile_px=tile_px, overlap_px=overlap_px):
            yield Tile(y, x)
