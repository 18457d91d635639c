"""A chain is told the dials of each clip: read over its frames, recorded, and part of what a picture is made of."""

import json
import shutil

import numpy as np
import pytest
from dialled_restorer import write_dialled_restorer
from making import brightness_estimator, make_clip, photo, tree

from pipeline.core.clips import find_clips, find_frames
from pipeline.core.files import read_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.forecast import make_forecast
from pipeline.teacher import network_steps
from pipeline.teacher.cameras import cache_prefixes, chains_of_clips
from pipeline.teacher.stage import ready_chain, teacher

CHAIN = [{"crop": {}}, {"restorer": {}}, {"resize": {}}]
DARK, BRIGHT = ([photo(64, 80, seed=seed) // part + add for seed in range(3)] for part, add in ((3, 0), (2, 100)))


@pytest.fixture
def clips(project, monkeypatch):
    """A dark and a bright clip, a small restorer with dials and an estimator that takes brightness for each of them."""
    settings = {"chain": "mine", "device": "cpu", "chains": {"mine": CHAIN}, "cache_gb": 1}
    project.change(teacher=settings, capture={"source": "inbox"})
    write_dialled_restorer(project.paths.bundled / "restorer.safetensors")
    project.paths.estimator.write_bytes(brightness_estimator())
    make_clip(project.paths, "bright", BRIGHT)
    make_clip(project.paths, "dark", DARK)
    monkeypatch.setattr(network_steps, "chosen_backend", lambda *_, **__: "torch-fp32")
    return project


def computed(clips, capsys):
    """How many frames a run of the stage computed."""
    teacher(clips.paths, clips.params)
    words = capsys.readouterr().out.splitlines()[-1].split()
    return int(words[words.index("computed,") - 1])


def recipe(clips, name):
    return read_json(clips.paths.teacher / name / "chain.json", made_by="teacher")


def test_every_clip_is_computed_with_its_own_dials_which_are_recorded(clips):
    teacher(clips.paths, clips.params)
    bright, dark = (recipe(clips, name)["dials"] for name in ("bright", "dark"))
    assert set(bright) == {"blur", "noise", "sharpening", "compression"}
    assert bright["noise"] > dark["noise"] + 0.2
    chain = ready_chain(clips.paths, clips.params)
    for clip, told in chains_of_clips(find_clips(clips.paths.raw), chain, clips.paths).items():
        assert told.dials._asdict() == recipe(clips, clip.name)["dials"]
        for frame in find_frames(clip):
            picture = read_frame(clips.paths.teacher / clip.name / frame.name)
            np.testing.assert_array_equal(picture, told.enhance(read_frame(frame)).frame)
    seen = read_frame(clips.paths.raw / "dark/000000.png")
    differs = chain.with_dials(told.dials._replace(noise=1.0)).enhance(seen).frame
    assert (differs != read_frame(clips.paths.teacher / "dark/000000.png")).any()


def test_a_second_run_and_a_forecast_read_and_compute_nothing_again(clips, capsys):
    assert make_forecast(clips.paths, clips.params).frames == 6
    assert computed(clips, capsys) == 6
    before = tree(clips.paths.teacher)
    assert computed(clips, capsys) == 0
    assert make_forecast(clips.paths, clips.params).frames == 0
    shutil.rmtree(clips.paths.cache / "dials")
    shutil.rmtree(clips.paths.logs)
    assert computed(clips, capsys) == 0
    assert tree(clips.paths.teacher) == before


def test_frames_are_the_same_however_many_of_them_were_there_already(clips, capsys):
    computed(clips, capsys)
    expected = tree(clips.paths.teacher)
    for clip in find_clips(clips.paths.teacher):
        (clip / "000001.png").unlink()
        (clip / "chain.json").unlink()
    assert computed(clips, capsys) == 2
    assert tree(clips.paths.teacher) == expected


def test_a_clip_that_shows_another_camera_is_computed_again_and_no_cached_picture_is_taken(clips, capsys):
    computed(clips, capsys)
    kept = len(list((clips.paths.cache / "teacher").glob("*.npy")))
    write_frame(clips.paths.raw / "dark/000002.png", DARK[2] + 40)
    assert computed(clips, capsys) == 3
    assert not recipe(clips, "dark")["kept_out"]
    assert len(list((clips.paths.cache / "teacher").glob("*.npy"))) == kept + 3


def test_pictures_made_before_clips_had_dials_are_made_again_in_the_recorded_backend(clips, capsys, monkeypatch):
    estimator = clips.paths.estimator.read_bytes()
    clips.paths.estimator.unlink()  # each frame is read by itself, as it always was before
    monkeypatch.setattr(network_steps, "chosen_backend", lambda *_, **__: "torch-bf16")
    assert computed(clips, capsys) == 6
    assert "dials" not in recipe(clips, "dark")
    clips.paths.estimator.write_bytes(estimator)
    monkeypatch.setattr(network_steps, "chosen_backend", lambda *_, **__: "torch-fp32")
    assert computed(clips, capsys) == 6
    assert recipe(clips, "dark")["steps"][1]["restorer"]["engine"] == "torch-bf16"


def test_a_chain_without_dials_reads_none_and_keeps_its_pictures(clips, capsys):
    clips.change(teacher={"chain": "classical"})
    estimator = clips.paths.estimator.read_bytes()
    clips.paths.estimator.unlink()
    assert computed(clips, capsys) == 6
    clips.paths.estimator.write_bytes(estimator)
    assert computed(clips, capsys) == 0
    assert "dials" not in recipe(clips, "dark")
    assert not (clips.paths.cache / "dials").exists()


def test_a_lone_picture_is_read_by_itself(clips):
    chain = ready_chain(clips.paths, clips.params)
    assert chain.dials is None
    assert "dials" not in json.dumps(chain.recipe())
    assert chain.with_dials(None) is chain
    assert (chain.enhance(DARK[0]).frame != chain.with_dials((0.9, 0.9, 0.9, 0.9)).enhance(DARK[0]).frame).any()


def test_steps_before_the_one_that_takes_dials_share_their_cache(clips):
    chain = ready_chain(clips.paths, clips.params)
    told = [*chains_of_clips(find_clips(clips.paths.raw), chain, clips.paths).values()]
    assert len({one.fingerprint() for one in [chain, *told]}) == 3
    assert len({one.fingerprint(steps=1) for one in [chain, *told]}) == 1
    assert len({one.fingerprint(steps=2) for one in [chain, *told]}) == 3
    assert cache_prefixes(told) == told[0].cache_prefixes() | told[1].cache_prefixes()
