"""The teacher killed ten times over a chain with a network: nothing is lost, and at most one frame is done twice."""

import json
import random
import time

import pytest
from making import brightness_estimator, kill, make_clip, photo, tree

from benchmarks.random_weights import write_random_restorer
from pipeline.core.files import write_json
from pipeline.teacher.choice import note_file
from pipeline.teacher.network_steps import Restorer
from pipeline.teacher.stage import build_engine

KILLS = 10
FRAMES = 60  # so long that a busy machine, which sees each kill late, does not reach the end before the last
CHAIN = [{"crop": {}}, {"restorer": {}}, {"resize": {}}, {"unsharp": {}}]


@pytest.fixture
def clips(project):
    """Two clips, and a restorer that takes their dials, and some 40 ms for a frame."""
    project.change(teacher={"chain": "mine", "device": "cpu", "chains": {"mine": CHAIN}})
    write_random_restorer(project.paths.bundled / "restorer.safetensors", width=32, dials=True)
    project.paths.estimator.write_bytes(brightness_estimator())
    write_json(note_of(project), {"chosen": "torch-fp32"})  # converting it would take each process seconds
    for clip in range(2):
        make_clip(project.paths, f"clip{clip}", [photo(90, 120, seed=100 * clip + i) for i in range(FRAMES // 2)])
    return project


def note_of(project):
    """Where the choice of a backend for the restorer is noted."""
    engine = build_engine(project.paths, project.params.teacher)
    return note_file(Restorer().placed(engine).source(), engine=engine, tlc_px=None)


def unbroken(project):
    """The files of a run that nothing disturbs; then all as it was before it, but for what it measured."""
    done = project.run("pipeline.teacher")
    assert done.returncode == 0, done.stderr
    files = tree(project.paths.teacher)
    for path in (project.paths.teacher, project.paths.logs, project.paths.cache / "teacher"):
        path.rename(path.with_name(f"{path.name}-of-unbroken-run"))
    return files


def lines(project):
    """All whole lines of the log."""
    log = project.paths.logs / "teacher.jsonl"
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.endswith("}")]


def test_ten_kills_at_random_moments_cost_at_most_a_frame_each(clips):
    expected = unbroken(clips)
    chances = random.Random(7)
    for turn in range(KILLS):
        process = clips.start("pipeline.teacher")
        wanted = len(lines(clips)) + chances.randint(1, 3)
        while len(lines(clips)) < wanted and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chances.uniform(0, 0.05))
        assert process.poll() is None, f"the run was over before kill {turn}"
        kill(process)
        logged = {line["frame"] for line in lines(clips)}
        written = {f"{path.parent.name}/{path.stem}" for path in clips.paths.teacher.rglob("*/[0-9]*.png")}
        computed = len(list((clips.paths.cache / "teacher").glob("[!.]*.npy")))
        assert len(written - logged) <= 1
        assert computed - len(logged) <= 1
    done = clips.run("pipeline.teacher")
    assert done.returncode == 0, done.stderr
    assert tree(clips.paths.teacher) == expected
    assert len(lines(clips)) <= FRAMES + KILLS
