"""What is left of a terminal's stream: each line once, as it stood last."""

import pytest

from app.jobs.screen import REACH, Screen


def shown(*chunks: str) -> str:
    screen, taken = Screen(), ""
    for chunk in chunks:
        screen.feed(chunk)
        taken += screen.take()
    return taken + screen.rest()


@pytest.mark.parametrize(
    ("stream", "left"),
    [
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("bar 1%\rbar 50%\rbar 100%\n", "bar 100%\n"),
        ("\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n"),
        ("old\r\x1b[31mnew\x1b[0m\n", "\x1b[31mnew\x1b[0m\n"),
        ("kept\r\x1b[0m\n", "kept\x1b[0m\n"),
        ("\x1b[?25l\r\x1b[2KEpoch 0\r\x1b[2KEpoch 1\x1b[?25h", "Epoch 1"),
        ("a 1\nb 1\r\x1b[2K\x1b[1A\x1b[2Ka 2\nb 2\n", "a 2\nb 2\n"),
        ("\x1b]8;;file:///x\x1b\\link\x1b]8;;\x1b\\\n", "link\n"),
        ("bar\r      \rword\n", "word\n"),
    ],
)
def test_bars_collapse_and_colours_stay_however_the_stream_is_cut(stream: str, left: str) -> None:
    assert shown(stream) == left
    assert shown(*stream) == left


def test_long_streams_are_taken_in_order_and_nothing_is_lost() -> None:
    lines = [f"line {number}" for number in range(5 * REACH)]
    assert shown(*(f"{line}\n" for line in lines)).splitlines() == lines
