"""A run in words, the same in every part of the page."""

from collections.abc import Sequence
from datetime import datetime

from pipeline.tracking.past_runs import PastRun

PART = " · "  # between student, chain, cameras and date in the name of a run


def started(run: PastRun) -> datetime:
    """When the run was begun, in the server's time."""
    return datetime.fromtimestamp(run.started_ms // 1000)


def label(run: PastRun) -> str:
    """A run in a few words that no other run has, and that stay the same while it trains."""
    return PART.join([full_name(run), run.id[:4]])


def full_name(run: PastRun) -> str:
    """Its name, with the date where that is not in it: runs of older versions are called as their student."""
    return run.name if PART in run.name else f"{run.name}{PART}{started(run):%d %b %H:%M}"


def short_names(runs: Sequence[PastRun]) -> dict[str, str]:
    """Id -> what tells the runs apart: the student and the date, and what else is not the same in all of them."""
    parts = [full_name(run).split(PART) for run in runs]
    short = {run.id: PART.join(_telling(own, parts)) for run, own in zip(runs, parts, strict=True)}
    names = list(short.values())
    return {run_id: name if names.count(name) == 1 else f"{name}{PART}{run_id[:4]}" for run_id, name in short.items()}


def _telling(own: list[str], every: list[list[str]]) -> list[str]:
    last = len(own) - 1
    same = [len({tuple(parts[index : index + 1]) for parts in every}) == 1 for index in range(len(own))]
    return [part for index, part in enumerate(own) if index in (0, last) or not same[index]]


def decibels(run: PastRun) -> str:
    """Its best PSNR as the end of a title; nothing before its first epoch."""
    return "" if run.best_psnr is None else f"{PART}{run.best_psnr:.2f} dB"
