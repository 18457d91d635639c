"""What the stages hand to each other, as the page Pipeline shows it: counts, and the same frame as a small picture."""

import base64
from contextlib import suppress
from pathlib import Path

from app.data import thumbnails
from app.durations import count_frames
from app.graph import Handed
from app.home.before_after import own_clips
from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.core.split_file import read_split
from pipeline.tracking.past_runs import last_known_runs, pictures


def handed_on(paths: Paths) -> dict[str, Handed]:
    """By stage what it hands on, as far as it is there."""
    frames = {"capture": middle_frame(paths.raw, paths)}
    raw = frames["capture"]
    frames["teacher"] = paths.teacher / raw.parent.name / raw.name if raw else None
    frames["train"] = students_picture(paths)
    urls = small_pictures({stage: frame for stage, frame in frames.items() if frame and frame.exists()}, paths)
    counts = {"capture": _count(paths.raw, "raw frame"), "teacher": _count(paths.teacher, "teacher picture")}
    words = {stage: text for stage, text in counts.items() if text} | _split(paths)
    words |= {"train": "student"} if paths.student.exists() else {}
    words |= {"export": "ONNX"} if paths.student_onnx.exists() else {}
    return {stage: Handed(text, urls.get(stage)) for stage, text in words.items()}


def middle_frame(home: Path, paths: Paths) -> Path | None:
    """One of the newest clip, the user's own first."""
    adopted = (clip for clip in own_clips(paths) if clip.parent == home)
    clip = next(adopted, None) or next(iter(find_clips(home)), None)
    frames = find_frames(clip) if clip else []
    return frames[len(frames) // 2] if frames else None


def students_picture(paths: Paths) -> Path | None:
    """The newest picture of the newest training that has some."""
    with suppress(SharpcamError):
        for run in last_known_runs(paths):
            for of_frame in pictures(run, paths).values():
                epochs = sorted(title for title in of_frame if title.startswith("epoch"))
                if title := "best" if "best" in of_frame else next(reversed(epochs), ""):
                    return of_frame[title]
    return None


def small_pictures(frames: dict[str, Path], paths: Paths) -> dict[str, str]:
    """Those thumbnails that there are, as data URLs; the others are being made."""
    found, _ = thumbnails.find(frames.values(), paths)
    return {stage: _url(found[frame]) for stage, frame in frames.items() if frame in found}


def _url(thumbnail: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(thumbnail.read_bytes()).decode()


def _count(home: Path, what: str) -> str:
    count = sum(map(count_frames, find_clips(home)))
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _split(paths: Paths) -> dict[str, str]:
    with suppress(SharpcamError):
        split = read_split(paths)
        training, validation = (sum(map(len, part.values())) for part in (split.training, split.validation))
        return {"split": f"{training} train, {validation} validate"}
    return {}
