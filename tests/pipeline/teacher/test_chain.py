"""The runner of chains: float32 from step to step, a guard behind each, one rounding at the end."""

from typing import ClassVar

import numpy as np
import pytest
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.core.params import GeometryParams
from pipeline.teacher.cache import StepCache
from pipeline.teacher.chain import Chain, build_chain, guarded
from pipeline.teacher.step import Step
from pipeline.teacher.steps import STEPS, Crop, Denoise, Resize, Unsharp

GEOMETRY = GeometryParams(width=160, height=128, scale=2, fit="crop")
FRAME = photo(60, 80)


class Brighter(Step, frozen=True):
    """Adds a little less than half a grey level: lost wherever a picture is rounded between steps."""

    def run(self, picture, *, geometry):
        return picture + np.float32(0.4 / 255)


class SlowNetwork(Step, frozen=True):
    """Stands for a network: counts how often it runs."""

    is_network: ClassVar[bool] = True
    runs: ClassVar[list[float]] = []
    level: float = 0.01

    def run(self, picture, *, geometry):
        self.runs.append(self.level)
        return picture + np.float32(self.level)


class Troubled(Step, frozen=True):
    """Gives what a network in trouble gives; where it can be tamed, the tamed form gives `second`."""

    first: str
    second: str = ""

    def run(self, picture, *, geometry):
        shifted = picture + np.float32([0.2, 0, 0])
        answers = {
            "fine": picture + np.float32(0.01),
            "not finite": np.full_like(picture, np.nan),
            "black": np.zeros_like(picture),
            "constant": np.full_like(picture, 0.5),
            "colour shifted": shifted,
        }
        return answers[self.first]

    def fallback_step(self):
        return Troubled(first=self.second) if self.second else None


@pytest.fixture
def chain_of(project, monkeypatch):
    for name, step in (("brighter", Brighter), ("slow", SlowNetwork), ("troubled", Troubled)):
        monkeypatch.setitem(STEPS, name, step)
    monkeypatch.setattr(SlowNetwork, "runs", [])

    def chain_of(*steps, name="mine"):
        params = project.change(teacher={"chain": name, "chains": {name: list(steps)}})
        return build_chain(params.teacher, geometry=GEOMETRY)

    return chain_of


FITTED = ({"crop": {}}, {"resize": {}})


def test_the_classical_chain_is_its_steps_one_after_the_other(project):
    chain = build_chain(project.params.teacher, geometry=GEOMETRY)
    answer = chain.enhance(FRAME)
    picture = FRAME.astype(np.float32) / 255
    arguments = [next(iter(step.values())) for step in project.params.teacher.chains["classical"]]
    for step, given in zip((Crop, Resize, Denoise, Unsharp), arguments, strict=True):
        picture = step(**given).run(picture, geometry=GEOMETRY)
    np.testing.assert_array_equal(answer.frame, np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    assert answer.frame.shape == (128, 160, 3)
    assert answer.frame.dtype == np.uint8
    assert answer.glitches == ()


def test_a_step_that_is_not_enabled_is_left_out(project):
    chains = {"on": [{"crop": {"enabled": True}}, {"resize": {}}, {"unsharp": {"enabled": False, "amount": 1.0}}]}
    params = project.change(teacher={"chain": "on", "chains": chains}).teacher
    chain = build_chain(params, geometry=GEOMETRY)
    assert [name for name, _ in chain.steps] == ["crop", "resize"]
    assert params.chains["on"][2]["unsharp"]["enabled"] is False
    with pytest.raises(SharpcamError, match="enabled is neither true nor false"):
        project.change(teacher={"chains": {"on": [{"crop": {"enabled": "no way"}}]}})


def test_nothing_is_rounded_between_steps(chain_of):
    plain = chain_of(*FITTED).enhance(FRAME).frame.astype(int)
    brighter = chain_of(*FITTED, *[{"brighter": {}}] * 5).enhance(FRAME).frame.astype(int)
    inside = (plain > 5) & (plain < 250)
    assert np.isin((brighter - plain)[inside], [1, 2, 3]).all()
    assert abs((brighter - plain)[inside].mean() - 2) < 0.05


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([{"crop": {}}, {"sharpn": {}}], 'chain "mine" has a step "sharpn"; the steps there are: steady, crop, resize'),
        ([{"unsharp": {"amout": 1}}], 'step "unsharp" of chain "mine": amout is an unknown key'),
        (
            [{"unsharp": {"amount": -1}}],
            'step "unsharp" of chain "mine": amount: Input should be greater than',
        ),
        ([{"denoise": {"patch_px": 4000}}], 'step "denoise" of chain "mine": patch_px'),
    ],
    ids=str,
)
def test_a_step_or_an_argument_that_does_not_exist_is_named(chain_of, steps, problem):
    with pytest.raises(SharpcamError) as caught:
        chain_of(*steps)
    assert problem in str(caught.value)


def test_a_chain_that_does_not_end_at_the_target_says_where_it_ends(chain_of):
    with pytest.raises(SharpcamError, match=r'"mine" ends at 75x60, the target is 160x128. Order its steps'):
        chain_of({"crop": {}}).enhance(FRAME)


def test_the_fingerprint_is_of_the_work_not_of_its_name(chain_of):
    chain = chain_of(*FITTED, {"unsharp": {"amount": 0.5}})
    assert chain.fingerprint() == chain_of(*FITTED, {"unsharp": {"amount": 0.5}}, name="other").fingerprint()
    assert chain.fingerprint() != chain_of(*FITTED, {"unsharp": {"amount": 0.6}}).fingerprint()
    assert chain.fingerprint() != chain_of(*FITTED).fingerprint()
    assert chain.fingerprint(steps=2) == chain_of(*FITTED).fingerprint()
    wider = Chain(chain.name, chain.steps, GEOMETRY.model_copy(update={"width": 320}))
    assert chain.fingerprint() != wider.fingerprint()


def test_a_change_of_the_last_step_takes_the_network_from_the_cache(chain_of, tmp_path):
    cache = StepCache(tmp_path / "cache", 10**9)
    network = {"slow": {"level": 0.02}}
    chain_of(*FITTED, network, {"unsharp": {"amount": 0.5}}).enhance(FRAME, cache=cache, key="frame")
    changed = chain_of(*FITTED, network, {"unsharp": {"amount": 0.9}})
    again = changed.enhance(FRAME, cache=cache, key="frame")
    assert SlowNetwork.runs == [0.02]
    np.testing.assert_array_equal(again.frame, changed.enhance(FRAME).frame)


@pytest.mark.parametrize("change", ["argument", "step before", "frame"])
def test_the_cache_is_not_asked_where_the_network_would_answer_otherwise(chain_of, tmp_path, change):
    cache = StepCache(tmp_path / "cache", 10**9)
    chain_of(*FITTED, {"slow": {}}).enhance(FRAME, cache=cache, key="frame")
    steps = {
        "argument": [*FITTED, {"slow": {"level": 0.03}}],
        "step before": [*FITTED, {"unsharp": {}}, {"slow": {}}],
        "frame": [*FITTED, {"slow": {}}],
    }
    chain_of(*steps[change]).enhance(FRAME, cache=cache, key="other" if change == "frame" else "frame")
    assert len(SlowNetwork.runs) == 2


def test_the_furthest_network_in_the_cache_is_the_one_to_go_on_from(chain_of, tmp_path):
    cache = StepCache(tmp_path / "cache", 10**9)
    networks = {"slow": {"level": 0.01}}, {"slow": {"level": 0.02}}
    chain_of(*FITTED, *networks).enhance(FRAME, cache=cache, key="frame")
    assert SlowNetwork.runs == [0.01, 0.02]
    chain_of(*FITTED, networks[0], {"slow": {"level": 0.03}}).enhance(FRAME, cache=cache, key="frame")
    assert SlowNetwork.runs == [0.01, 0.02, 0.03]


@pytest.mark.parametrize("trouble", ["not finite", "black", "constant", "colour shifted"])
def test_a_glitch_is_passed_through_and_noted(chain_of, trouble):
    answer = chain_of(*FITTED, {"troubled": {"first": trouble}}).enhance(FRAME)
    assert answer.glitches == (f"troubled: {trouble}",)
    np.testing.assert_array_equal(answer.frame, chain_of(*FITTED).enhance(FRAME).frame)


@pytest.mark.parametrize("trouble", ["not finite", "colour shifted"])
def test_a_glitch_is_tried_once_more_in_the_tamed_form(chain_of, trouble):
    answer = chain_of(*FITTED, {"troubled": {"first": trouble, "second": "fine"}}).enhance(FRAME)
    assert answer.glitches == ()
    np.testing.assert_array_equal(answer.frame, chain_of(*FITTED, {"troubled": {"first": "fine"}}).enhance(FRAME).frame)


def test_a_tamed_form_that_fails_too_is_passed_through(chain_of):
    answer = chain_of(*FITTED, {"troubled": {"first": "black", "second": "not finite"}}).enhance(FRAME)
    assert answer.glitches == ("troubled: not finite",)
    np.testing.assert_array_equal(answer.frame, chain_of(*FITTED).enhance(FRAME).frame)


def test_what_stands_in_for_a_failed_step_has_the_size_it_would_have_had():
    class Enlarging(Troubled, frozen=True):
        def run(self, picture, *, geometry):
            return np.full((2 * picture.shape[0], 2 * picture.shape[1], 3), np.nan, np.float32)

    small = FRAME.astype(np.float32) / 255
    picture, problem = guarded(Enlarging(first="fine"), small, run=lambda step, p: step.run(p, geometry=GEOMETRY))
    assert problem == "not finite"
    assert picture.shape == (120, 160, 3)
    assert abs(picture.mean() - small.mean()) < 0.01


def test_what_a_troubled_network_gave_is_never_kept(chain_of, tmp_path, monkeypatch):
    cache = StepCache(tmp_path / "cache", 10**9)
    monkeypatch.setattr(Troubled, "is_network", True)
    chain = chain_of(*FITTED, {"troubled": {"first": "black"}}, {"slow": {}})
    assert chain.enhance(FRAME, cache=cache, key="frame").glitches
    assert not cache.folder.exists() or list(cache.folder.iterdir()) == []


class Doubles(Step, frozen=True):
    """Stands for a network that enlarges: notes the sizes that it is given."""

    scale: ClassVar[int] = 2
    is_network: ClassVar[bool] = True
    given: ClassVar[list[tuple[int, ...]]] = []

    def size_after(self, size, *, geometry):
        return 2 * size[0], 2 * size[1]

    def run(self, picture, *, geometry):
        self.given.append(picture.shape)
        return picture.repeat(2, axis=0).repeat(2, axis=1)


@pytest.fixture
def doubling(chain_of, monkeypatch):
    monkeypatch.setitem(STEPS, "doubles", Doubles)
    monkeypatch.setattr(Doubles, "given", [])
    return lambda: chain_of({"slow": {}}, {"doubles": {}}, *FITTED, {"unsharp": {}})


@pytest.mark.parametrize(("size", "enlarged"), [((80, 60), True), ((318, 255), True), ((320, 256), False)], ids=str)
def test_a_frame_of_twice_the_target_is_shrunk_and_never_enlarged(doubling, size, enlarged):
    frame = photo(size[1], size[0])
    picture = doubling().enhance(frame).frame
    assert picture.shape == (128, 160, 3)
    assert Doubles.given == ([(size[1], size[0], 3)] if enlarged else [])
    if not enlarged:
        given = frame.astype(np.float32) / 255
        for step in (Crop(), Resize(), SlowNetwork(), Unsharp()):
            given = step.run(given, geometry=GEOMETRY)
        np.testing.assert_array_equal(picture, np.rint(given.clip(0, 1) * 255).astype(np.uint8))


def test_the_recipe_says_what_large_frames_went_through_and_that_of_others_stays(doubling):
    chain = doubling()
    assert chain.for_frames((80, 60)) is chain
    large = chain.for_frames((3840, 2160))
    assert [name for name, _ in large.steps] == ["crop", "resize", "slow", "unsharp"]
    assert large.fingerprint() != chain.fingerprint()
    assert large.for_frames((3840, 2160)) == large


def test_a_chain_that_enlarges_nothing_stays_as_it_is(chain_of):
    chain = chain_of({"slow": {}}, *FITTED)
    assert chain.for_frames((3840, 2160)) is chain
