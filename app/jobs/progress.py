"""How far a job is, read from the bars in its log: those of tqdm (every stage, DVC) and of Lightning's training."""

import re
from dataclasses import dataclass

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STAGE = re.compile(r"^Running stage '([^']+)'", re.MULTILINE)
FAILED = re.compile(r"failed to reproduce '([^']+)'")
TQDM = re.compile(
    r"^(?P<what>[^|\n]*?):?\s+\d+%\|.*\| *(?P<done>\d+)/(?P<total>\d+) \[.*?<(?P<left>[\d:?]+)", re.MULTILINE
)
EPOCH = re.compile(
    r"^Epoch (?P<epoch>\d+)/(?P<last>\d+) .*? (?P<done>\d+)/(?P<total>\d+) (?P<spent>[\d:]+) . (?P<left>[\d:-]+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Progress:
    """The bar that moves."""

    what: str
    share: float  # 0..1
    left_s: float | None  # None where the bar does not know yet


def current_stage(log: str) -> str | None:
    """The stage that DVC began last."""
    found = STAGE.findall(log)
    return found[-1] if found else None


def failed_stage(log: str) -> str | None:
    """The stage with which DVC gave up."""
    found = FAILED.findall(log)
    return found[-1] if found else None


def read_progress(log: str) -> Progress | None:
    """The last bar of the current stage; None where it has none yet."""
    text = COLOUR.sub("", STAGE.split(log)[-1])
    bars = [*((found.start(), _frames(found)) for found in TQDM.finditer(text))]
    bars += [(found.start(), _epochs(found)) for found in EPOCH.finditer(text)]
    return max(bars, key=lambda bar: bar[0])[1] if bars else None


def _frames(bar: "re.Match[str]") -> Progress:
    share = int(bar["done"]) / max(1, int(bar["total"]))
    return Progress(bar["what"].strip(), share, _seconds(bar["left"]))


def _epochs(bar: "re.Match[str]") -> Progress:
    """Lightning counts epochs from 0 and shows the bar of one; the whole training is wanted."""
    epoch, epochs = int(bar["epoch"]), int(bar["last"]) + 1
    share = (epoch + int(bar["done"]) / max(1, int(bar["total"]))) / epochs
    left, spent = _seconds(bar["left"]), _seconds(bar["spent"])
    if left is not None and spent is not None:
        left += (epochs - epoch - 1) * (left + spent)
    return Progress(f"epoch {epoch + 1} of {epochs}", share, left)


def _seconds(clock: str) -> float | None:
    """Seconds of "1:02:03" or "02:03"; None of "-:--:--" or "?"."""
    if not re.fullmatch(r"[\d:]+", clock):
        return None
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(part)
    return float(seconds)
