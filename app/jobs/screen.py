"""What a terminal would show: bars that are drawn over and over leave one line, colours stay."""

import re

LINK = r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
TOKEN = re.compile(rf"\x1b\[([0-9;?]*)([A-Za-z])|{LINK}|\x1b[^\[\]]|[\r\n\b]|[^\x1b\r\n\b]+")
CUT_TOKEN = re.compile(r"\x1b(\[[0-9;?]*|\][^\x07\x1b]*\x1b?)?$")
REACH = 20  # lines from the end that can still be drawn over


class Screen:
    """Text of a terminal. Lines out of reach of the cursor are `take`n, the others may still change."""

    def __init__(self) -> None:
        self._lines = [""]
        self._row = 0
        self._fresh = False  # after a carriage return, the next text starts the line anew
        self._colour = ""  # given since then
        self._cut = ""

    def feed(self, text: str) -> None:
        """Draw `text`, which may be cut anywhere."""
        text = self._cut + text
        cut = CUT_TOKEN.search(text)
        self._cut = cut[0] if cut else ""
        for token in TOKEN.finditer(text, endpos=len(text) - len(self._cut)):
            self._draw(token[0], token[1], token[2])

    def _draw(self, token: str, numbers: str | None, letter: str | None) -> None:
        if token == "\n":
            self._lines[self._row] += self._colour
            self._start_line(self._row + 1, fresh=False)
        elif token == "\r":
            self._start_line(self._row, fresh=True)
        elif letter == "A":
            self._start_line(max(0, self._row - int(numbers or 1)), fresh=True)
        elif letter == "K":
            self._lines[self._row] = ""
        elif letter == "m" and self._fresh:
            self._colour += token
        elif letter == "m" or not token.startswith(("\x1b", "\b")):
            line = "" if self._fresh else self._lines[self._row]
            self._lines[self._row] = line + self._colour + token
            self._fresh, self._colour = False, ""

    def _start_line(self, row: int, *, fresh: bool) -> None:
        self._row, self._fresh, self._colour = row, fresh, ""
        if row == len(self._lines):
            self._lines.append("")

    def take(self) -> str:
        """The lines that nothing can change any more, once."""
        count = max(0, self._row - REACH)
        taken, self._lines = self._lines[:count], self._lines[count:]
        self._row -= count
        return "".join(f"{line.rstrip()}\n" for line in taken)

    def rest(self) -> str:
        """The lines that may still change."""
        return "\n".join(line.rstrip() for line in self._lines)
