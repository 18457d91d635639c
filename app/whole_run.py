"""How far a whole run of the pipeline is: one bar over all stages, and what is left of it."""

import time
from dataclasses import dataclass

from app.jobs.job import Job
from app.stages import Pipeline, Stage
from pipeline.core.paths import Paths
from pipeline.core.progress import REGISTER, in_hours

MOST = 0.99  # of a run that has not ended


@dataclass(frozen=True)
class WholeRun:
    """What is known of it."""

    spent_s: float
    left_s: float | None  # None where a stage that is to come never ended on this machine
    stages_left: tuple[str, ...]  # the one at work first; none while the student is registered

    @property
    def share(self) -> float:
        """Done of all, 0 to 1; 0 where that is not known."""
        return 0.0 if self.left_s is None else min(MOST, self.spent_s / max(1e-3, self.spent_s + self.left_s))

    def describe(self) -> str:
        """For people."""
        if not self.stages_left:
            return f"Whole run: {self.share:.0%} · the student is being registered"
        stages = f"{len(self.stages_left)} stages to go" if len(self.stages_left) > 1 else "the last stage"
        if self.left_s is None:
            return f"Whole run: {stages}; how long is known once each has run here once"
        return f"Whole run: {self.share:.0%} · about {in_hours(self.left_s)} left · {stages}"


def whole_run(job: Job, pipeline: Pipeline, paths: Paths) -> WholeRun | None:
    """Of a job that runs all stages; None before the first of them has begun.

    Between two stages, while DVC notes what one wrote, it is that of those to come.
    """
    stages, begun = pipeline.stages, job.standing.stage
    if job.arguments:
        return None
    if begun == REGISTER:
        return WholeRun(job.seconds, 0.0, ())
    at = next((stage for stage in stages if stage.state == "running"), None)
    last = at or next((stage for stage in stages if stage.name == begun), None)
    if last is None:
        return None
    after = stages[stages.index(last) + 1 :]
    to_come = [stage for stage in after if stage.state != "fresh" or last.name in reached(stage, pipeline)]
    times = [stage.expected_s for stage in to_come]
    left = None if None in times else (_left_s(at, paths) if at else 0.0) + sum(seconds or 0.0 for seconds in times)
    return WholeRun(job.seconds, left, tuple(stage.name for stage in ([at] if at else []) + to_come))


def reached(stage: Stage, pipeline: Pipeline) -> set[str]:
    """The stages whose outputs it reads, directly or not."""
    by_name = {each.name: each for each in pipeline.stages}
    found, waiting = set[str](), list(stage.needs)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += by_name[name].needs
    return found


def _left_s(stage: Stage, paths: Paths) -> float:
    """Of the stage at work: what its bar says, or what is left of the time that was expected, whichever is more."""
    bar = stage.progress.left_s if stage.progress and stage.progress.left_s is not None else 0.0
    begun = paths.cache / "locks" / f"{stage.name}.json"
    spent = time.time() - begun.stat().st_mtime if begun.exists() else 0.0
    return max(bar, (stage.expected_s or 0.0) - spent)
