"""Draw the rooms of pipeline/ and which of them imports which: floors from the commands at the top down to core.

python -m benchmarks.rooms rooms.svg

Floors are those of the contract in pyproject.toml. Every arrow has to go down; one that does not is red, and counted.
"""

import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import grimp

from pipeline.core.program import command_parser

ROOT = Path(__file__).parent.parent
GROUND = "core"  # which every room uses: its arrows are pale
BOX_HEIGHT, FLOOR_HEIGHT, WIDTH, MARGIN = 34, 120, 1240, 20  # pixels
COLOURS = ("#4269d0", "#b35a00", "#2e7d32", "#8e44ad", "#00798c", "#9c3d54")  # of the floor that an arrow begins on
GONE_UP, PALE = "#ff0000", "#c8ccd4"


class Box(NamedTuple):
    """Where a room is drawn."""

    x: float  # of its middle
    y: float
    width: float
    floor: int


class Arrow(NamedTuple):
    """One room that imports from another."""

    importer: str
    imported: str


def floors() -> list[list[str]]:
    """The rooms by floor, from the top, as the contract has them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (contract["layers"] for contract in config["contracts"] if contract.get("containers") == ["pipeline"])
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def arrows(rooms: Iterable[str]) -> list[Arrow]:
    """Every pair of rooms of which the first imports from the second, within functions too."""
    graph = grimp.build_graph("pipeline")
    names = list(rooms)
    return [
        Arrow(one, other)
        for one in names
        for other in names
        if one != other
        and graph.direct_import_exists(importer=f"pipeline.{one}", imported=f"pipeline.{other}", as_packages=True)
    ]


def placed(levels: Sequence[Sequence[str]]) -> dict[str, Box]:
    """Where each room is drawn: those of a floor spread over the width."""
    boxes = {}
    for floor, rooms in enumerate(levels):
        for number, room in enumerate(rooms):
            x = MARGIN + (WIDTH - 2 * MARGIN) * (number + 0.5) / len(rooms)
            boxes[room] = Box(x, MARGIN + floor * FLOOR_HEIGHT, 9 * len(room) + 22, floor)
    return boxes


def drawing(levels: Sequence[Sequence[str]], found: Sequence[Arrow]) -> str:
    """The picture as SVG."""
    boxes = placed(levels)
    height = 2 * MARGIN + (len(levels) - 1) * FLOOR_HEIGHT + BOX_HEIGHT
    behind_first = sorted(found, key=lambda arrow: arrow.imported != GROUND)
    parts = [as_curve(boxes[arrow.importer], boxes[arrow.imported], arrow) for arrow in behind_first]
    parts += [as_box(room, box) for room, box in boxes.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="15"><rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def as_curve(start: Box, end: Box, arrow: Arrow) -> str:
    """An arrow, which leaves below its room and enters the other from above."""
    goes_down = end.floor > start.floor
    colour = GONE_UP if not goes_down else PALE if arrow.imported == GROUND else COLOURS[start.floor % len(COLOURS)]
    low, high = start.y + BOX_HEIGHT, end.y - 8
    bend = FLOOR_HEIGHT / 2
    curve = f"M{start.x:.0f} {low} C{start.x:.0f} {low + bend:.0f} {end.x:.0f} {high - bend:.0f} {end.x:.0f} {high}"
    tip = f"M{end.x - 4:.0f} {high} L{end.x + 4:.0f} {high} L{end.x:.0f} {high + 8} Z"
    return (
        f'<g><title>{arrow.importer} imports {arrow.imported}</title><path d="{curve}" fill="none" stroke="{colour}" '
        f'stroke-width="1.6"/><path d="{tip}" fill="{colour}"/></g>'
    )


def as_box(room: str, box: Box) -> str:
    """A room with its name."""
    colour = COLOURS[box.floor % len(COLOURS)]
    return (
        f'<rect x="{box.x - box.width / 2:.0f}" y="{box.y}" width="{box.width}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{box.x:.0f}" y="{box.y + 22}" text-anchor="middle">{room}</text>'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the drawing, and say how many arrows there are."""
    parser = command_parser("benchmarks.rooms", __doc__)
    parser.add_argument("output", type=Path, help="an SVG file")
    output = parser.parse_args(arguments).output
    levels = floors()
    floor_of = {room: floor for floor, rooms in enumerate(levels) for room in rooms}
    found = arrows(floor_of)
    wrong = [arrow for arrow in found if floor_of[arrow.imported] <= floor_of[arrow.importer]]
    output.write_text(drawing(levels, found), encoding="utf-8")
    print(f"{output}: {len(floor_of)} rooms on {len(levels)} floors, {len(found)} arrows, {len(wrong)} not downwards")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
