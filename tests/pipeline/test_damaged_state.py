"""Notes and state of sharpcam that a power cut or a person has damaged: done again, or one sentence; no traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from making import Project

from app.data import clips
from app.jobs import job
from pipeline import checks, cleanup, forecast
from pipeline.core.command import only_once
from pipeline.core.errors import SharpcamError
from pipeline.enhance.segments import Coded, Segments
from pipeline.tracking import past_runs, registry
from pipeline.train.trainer import RunDirectory

DAMAGED = {
    "empty": b"",
    "half": b'{"a": [1, 2',
    "zeros": b"\0" * 64,
    "no UTF-8": b'{"a": "\xff"}',
    "a list": b"[]",
    "another table": b'{"a": 1}',
    "a number": b"3",
    "nested thousands deep": b"[" * 100_000,
}


READERS: dict[str, tuple[str, Callable[[Project], Any]]] = {
    "the notes of a training": (
        ".cache/training/x/run.json",
        lambda p: RunDirectory(p.root / ".cache/training/x").run_id(),
    ),
    "the last known versions": (".cache/registry.json", lambda p: registry.last_known_versions(p.paths)),
    "the last known runs": (".cache/runs.json", lambda p: past_runs.last_known_runs(p.paths)),
    "the list of the clean-up": (".cache/cleanup.json", lambda p: cleanup.known_list(p.paths)),
    "the forecast": (".cache/forecast.json", lambda p: forecast.known_forecast(p.paths, p.params)),
    "what a clip is": ("data/raw/one/clip.json", lambda p: clips.all_clips(p.paths)),
    "the split, as a page shows it": ("data/split.json", lambda p: clips.parts(p.paths)),
    "what a job was asked for": ("logs/jobs/000001/request.json", lambda p: job.jobs(p.paths)),
    "the trash": (".cache/trash/x/deleted.json", lambda p: clips.deleted(p.paths)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("reader", READERS)
def test_damaged_state_is_forgotten(project: Project, reader: str, content: bytes) -> None:
    name, read = READERS[reader]
    file = project.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert read(project) in (None, {}, []) or reader == "what a clip is"


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_stage_that_runs_is_named_though_its_note_is_damaged(project: Project, content: bytes) -> None:
    with only_once("train", paths=project.paths):
        (project.paths.cache / "locks/train.json").write_bytes(content)
        with (
            pytest.raises(SharpcamError, match=r'The stage "train" already runs as process'),
            only_once("train", paths=project.paths),
        ):
            pass


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_measures_that_are_damaged_are_measured_again(project: Project, content: bytes) -> None:
    clip = project.paths.raw / "one"
    clip.mkdir(parents=True)
    file = checks.check_file("one", project.paths)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert checks.known_measures(clip, project.paths, project.params.geometry) is None


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_video_with_a_damaged_segment_begins_anew(tmp_path: Path, content: bytes) -> None:
    for name in ("000001.json", "000000.packets"):
        segments = three_segments(tmp_path / name)
        assert segments.begin() == 3
        (segments.folder / name).write_bytes(content)
        assert segments.begin() == 0
        assert [file.name for file in segments.folder.iterdir()] == ["identity.json"]


def three_segments(folder: Path) -> Segments:
    segments = Segments(folder, {"of": "a video"})
    segments.begin()
    for number in range(3):
        segments.add([Coded(b"12345", number, 1, True)], size=(8, 8))
    return segments
