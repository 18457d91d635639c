"""Inputs for fuzzing: valid files and records in which something is changed, and the fence that nothing may leave.

How many are tried is SHARPCAM_FUZZ (`python -m tests.fuzz --each 500` sets it); without it a few, always the same.
"""

import copy
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as some

MOST_BYTES = 1_500_000_000  # that a reader may take on top of what the process had
CHANGING = {"open": 1, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1}  # event: how many paths it names
CHANGING |= {"os.rename": 2, "os.link": 2, "os.symlink": 2}
ASKED = int(os.environ.get("SHARPCAM_FUZZ", "0"))
FEW = 6
fuzzed = settings(
    max_examples=ASKED or FEW,
    derandomize=not ASKED,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

scalars = (
    some.none()
    | some.booleans()
    | some.integers(-(2**70), 2**70)
    | some.floats()
    | some.text(max_size=20)
    | some.sampled_from(["../../out", "/etc/passwd", "a\0b", "\ud800", "1" * 5000, "nan", "-1", "a" * 300, "..", ""])
)
anything = some.recursive(
    scalars,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def places(content: Any, *, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a table of tables and lists."""
    yield here
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inside:
        yield from places(value, here=(*here, key))


@dataclass(frozen=True)
class Change:
    """One change of a record or of bytes: `at` is a share of all places, so that it fits any."""

    kind: str  # of KINDS
    at: float  # 0..1
    new: Any


KINDS = ["replace", "bit", "insert", "cut", "end"]
several_bytes = some.lists(
    some.builds(Change, some.sampled_from(KINDS), some.floats(0, 1), some.binary(min_size=1, max_size=8)),
    min_size=1,
    max_size=4,
)
several_values = some.lists(
    some.builds(Change, some.sampled_from(["replace", "cut"]), some.floats(0, 1), anything), min_size=1, max_size=3
)


def mangled_record(valid: Any, changes: list[Change]) -> Any:
    """A copy of `valid` in which values are replaced or removed."""
    content = copy.deepcopy(valid)
    for change in changes:
        ways = list(places(content))
        way = ways[min(len(ways) - 1, int(change.at * len(ways)))]
        if not way:
            return change.new
        inside = content
        for key in way[:-1]:
            inside = inside[key]
        if change.kind == "cut":
            del inside[way[-1]]
        else:
            inside[way[-1]] = change.new
    return content


def mangled_bytes(valid: bytes, changes: list[Change], *, head: int) -> bytes:
    """`valid` with bytes replaced, put in or cut out, or cut off; all but the first change within the `head`."""
    data = bytearray(valid)
    for number, change in enumerate(changes):
        at = int(change.at * (min(len(data), head) if number else len(data)))
        if change.kind == "replace":
            data[at : at + len(change.new)] = change.new
        elif change.kind == "bit" and at < len(data):
            data[at] ^= 1 << change.new[0] % 8
        elif change.kind == "insert":
            data[at:at] = change.new
        elif change.kind == "cut":
            del data[at : at + len(change.new)]
        elif change.kind == "end":
            del data[at:]
    return bytes(data)


def as_json(content: Any) -> bytes:
    """JSON as a damaged or foreign program may write it: NaN and lone surrogates included."""
    return json.dumps(content).encode("utf-8", "surrogatepass")


class Fence:
    """Notes every file that this process opens for writing, moves or removes outside of a folder."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.outside: list[str] = []
        sys.addaudithook(self._hear)  # for good: Python has no way to take it back

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            for path in arguments[: CHANGING.get(event, 0)]:
                self._note(path)

    def _note(self, path: Any) -> None:
        if isinstance(path, str | bytes) and not Path(os.path.realpath(os.fsdecode(path))).is_relative_to(self.folder):
            self.outside.append(f"{path!r}")

    @contextmanager
    def around(self, folder: Path) -> Iterator[None]:
        """Raise AssertionError where something outside `folder` was touched, or too much memory taken."""
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self.folder, self.outside = folder.resolve(), []
        try:
            yield
        finally:
            self.folder = None
        touched = [path for path in self.outside if "/dev/null" not in path]
        assert not touched, f"outside of its folder: {touched}"
        assert _memory("VmHWM") - before < MOST_BYTES


def _memory(name: str) -> int:
    """Bytes of this process by that name in Linux's status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


FENCE = Fence()
