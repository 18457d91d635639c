"""A run in words, the same in every part of the page."""

from datetime import datetime

from pipeline.tracking.past_runs import PastRun


def started(run: PastRun) -> datetime:
    """When the run was begun, in the server's time."""
    return datetime.fromtimestamp(run.started_ms // 1000)


def label(run: PastRun) -> str:
    """A run in a few words that no other run has, and that stay the same while it trains."""
    return f"{run.name} · {started(run):%d %b %H:%M} · {run.id[:4]}"


def decibels(run: PastRun) -> str:
    """Its best PSNR as the end of a title; nothing before its first epoch."""
    return "" if run.best_psnr is None else f" · {run.best_psnr:.2f} dB"
