"""What a terminal would show: bars that are drawn over and over leave one line, colours stay."""

import re

LINK = r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
TOKEN = re.compile(rf"\x1b\[([0-9;?]*)([A-Za-z])|{LINK}|\x1b[^\[\]]|[\r\n\b]|[^\x1b\r\n\b]+")
CUT_TOKEN = re.compile(r"\x1b(\[[0-9;?]*|\][^\x07\x1b]*\x1b?)?$")  # the rest of it is still to come


def what_is_left(stream: str) -> str:
    """What a terminal would show of all that was written to it until now."""
    screen, cut = _Screen(), CUT_TOKEN.search(stream)
    for token in TOKEN.finditer(stream, endpos=cut.start() if cut else len(stream)):
        screen.draw(token[0], token[1], token[2])
    return "\n".join(line.rstrip() for line in screen.lines)


class _Screen:
    """The lines of a terminal, and which of them is drawn on."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = 0
        self._fresh = False  # after a carriage return, the next text starts the line anew
        self._colour = ""  # given since then

    def draw(self, token: str, numbers: str | None, letter: str | None) -> None:
        """Draw what TOKEN has matched."""
        if token == "\n":
            self.lines[self._row] += self._colour
            self._start_line(self._row + 1, fresh=False)
        elif token == "\r":
            self._start_line(self._row, fresh=True)
        elif letter == "A":
            self._start_line(max(0, self._row - int(numbers or 1)), fresh=True)
        elif letter == "K":
            self.lines[self._row] = ""
        elif letter == "m" and self._fresh:
            self._colour += token
        elif letter == "m" or not token.startswith(("\x1b", "\b")):
            line = "" if self._fresh else self.lines[self._row]
            self.lines[self._row] = line + self._colour + token
            self._fresh, self._colour = False, ""

    def _start_line(self, row: int, *, fresh: bool) -> None:
        self._row, self._fresh, self._colour = row, fresh, ""
        if row == len(self.lines):
            self.lines.append("")
