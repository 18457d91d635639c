"""A chain that begins with steady is given frames that were fused with those before and after them."""

import numpy as np
import pytest
from making import make_clip, photo, tree, undecodable

from pipeline.core.clips import find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame, write_frame
from pipeline.forecast import make_forecast
from pipeline.student.calm import Calm
from pipeline.teacher import executor, stage, steady
from pipeline.teacher.stage import ready_chain, teacher
from pipeline.teacher.steady import both_ways

STEPS = [{"crop": {}}, {"resize": {}}]
COUNT, NOISE = 12, 6.0


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Several windows in a short clip."""
    monkeypatch.setattr(steady, "WINDOW", 5)
    monkeypatch.setattr(steady, "AHEAD", 4)


def frames(*, seed: int = 0, count: int = COUNT, moving: bool = False) -> list[np.ndarray]:
    """A still noisy scene, or one that pans by two pixels a frame."""
    random, wide = np.random.default_rng(seed), photo(96, 200, seed=seed).astype(float)
    shown = [wide[:, 2 * at * moving : 2 * at * moving + 128] for at in range(count)]
    return [np.clip(each + random.normal(0, NOISE, each.shape), 0, 255).astype(np.uint8) for each in shown]


def error(given: np.ndarray, *, seed: int = 0) -> float:
    return float(np.sqrt(np.mean((given - photo(96, 200, seed=seed)[:, :128].astype(float)) ** 2)))


@pytest.fixture
def clips(project):
    """Two still clips and a chain that fuses them."""
    settings = {"chain": "mine", "device": "cpu", "chains": {"mine": [{"steady": {}}, *STEPS], "plain": STEPS}}
    project.change(teacher=settings, capture={"source": "inbox"})
    for seed, name in enumerate(("a", "b")):
        make_clip(project.paths, name, frames(seed=seed))
    return project


def computed(project, capsys) -> int:
    teacher(project.paths, project.params)
    words = capsys.readouterr().out.splitlines()[-1].split()
    return int(words[words.index("computed,") - 1])


def test_a_frame_in_the_middle_knows_both_sides_of_it(clips):
    files = find_frames(clips.paths.raw / "a")
    joined = list(both_ways(files, strength=1, noise=0.6))
    forward = Calm(noise=0.6)
    past = [forward.fuse(read_frame(file)).copy() for file in files]
    assert error(joined[6]) < 0.9 * error(past[6]) < 0.9 * NOISE
    assert error(joined[0]) < 0.7 * error(past[0])  # the first frame has a future


def test_no_frame_jumps_where_one_window_ends(clips):
    joined = list(both_ways(find_frames(clips.paths.raw / "a"), strength=1, noise=0.6))
    changes = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(joined[1:], joined, strict=False)]
    assert max(changes) < 0.5 * NOISE


def test_what_moves_stays_as_it_is(project):
    made = frames(moving=True)
    make_clip(project.paths, "pan", made)
    for given, frame in zip(
        both_ways(find_frames(project.paths.raw / "pan"), strength=1, noise=0.6), made, strict=True
    ):
        assert np.abs(given.astype(int) - frame).mean() < 0.6


def test_the_teacher_makes_its_pictures_of_fused_frames_and_leaves_none_behind(clips):
    teacher(clips.paths, clips.params)
    chain = ready_chain(clips.paths, clips.params)
    files = find_frames(clips.paths.raw / "a")
    for file, frame in zip(files, both_ways(files, strength=1, noise=Calm.noise), strict=True):
        assert np.array_equal(read_frame(clips.paths.teacher / "a" / file.name), chain.enhance(frame).frame)
    assert not (clips.paths.cache / "steady").exists()


def test_a_second_run_computes_nothing_and_a_new_frame_its_clip_alone(clips, capsys):
    assert make_forecast(clips.paths, clips.params).frames == 2 * COUNT
    assert computed(clips, capsys) == 2 * COUNT
    assert computed(clips, capsys) == 0
    write_frame(clips.paths.raw / "a" / f"{COUNT:06d}.png", frames(count=COUNT + 1)[-1])
    assert computed(clips, capsys) == COUNT + 1


def test_a_run_that_was_stopped_gives_the_same_pictures(clips, monkeypatch):
    teacher(clips.paths, clips.params)
    whole = tree(clips.paths.teacher)
    steady.shutil.rmtree(clips.paths.teacher)
    steady.shutil.rmtree(clips.paths.logs)
    left, finish = 7, executor.finish

    def stops(*arguments, **named):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return finish(*arguments, **named)

    monkeypatch.setattr(executor, "finish", stops)
    with pytest.raises(KeyboardInterrupt):
        teacher(clips.paths, clips.params)
    monkeypatch.setattr(executor, "finish", finish)
    teacher(clips.paths, clips.params)
    assert tree(clips.paths.teacher) == whole


def test_calm_0_is_the_chain_without_it(clips):
    clips.change(teacher={"chains": {"mine": [{"steady": {"calm": 0}}, *STEPS]}})
    teacher(clips.paths, clips.params)
    steadied = {name: data for name, data in tree(clips.paths.teacher).items() if str(name).endswith(".png")}
    clips.change(teacher={"chain": "plain"})
    teacher(clips.paths, clips.params)
    assert {name: data for name, data in tree(clips.paths.teacher).items() if str(name).endswith(".png")} == steadied


def test_steady_behind_another_step_is_one_sentence(clips):
    clips.change(teacher={"chains": {"mine": [{"crop": {}}, {"steady": {}}, {"resize": {}}]}})
    with pytest.raises(SharpcamError, match=r"steady comes after another step.*Put it first"):
        stage.ready_chain(clips.paths, clips.params)


def test_a_frame_that_is_not_a_picture_is_one_sentence(clips):
    (clips.paths.raw / "a" / "000003.png").write_bytes(undecodable(photo(96, 128)))
    with pytest.raises(SharpcamError, match=r"000003\.png is a broken PNG file"):
        teacher(clips.paths, clips.params)
