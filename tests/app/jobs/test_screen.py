"""What is left of a terminal's stream: each line once, as it stood last."""

import pytest

from app.jobs.screen import what_is_left


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
def test_bars_collapse_and_colours_stay(stream: str, left: str) -> None:
    assert what_is_left(stream) == left


@pytest.mark.parametrize("cut", ["\x1b", "\x1b[3", "\x1b]8;;file:/", "\x1b]8;;\x1b"])
def test_a_sign_that_is_written_by_half_is_waited_for(cut: str) -> None:
    assert what_is_left(f"word{cut}") == "word"


def test_long_streams_stay_in_order_and_nothing_is_lost() -> None:
    lines = [f"line {number}" for number in range(100)]
    assert what_is_left("".join(f"{line}\r\n" for line in lines)).splitlines() == lines
