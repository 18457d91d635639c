"""What becomes of a stream of frames before a student sees it: calm where nothing moves, the frame elsewhere."""

import cv2
import numpy as np
import pytest

from pipeline.core.errors import SharpcamError
from pipeline.student import calm
from pipeline.student.calm import Calm

HEIGHT, WIDTH = 96, 128
NOISE = 6.0


def scene(seed: int = 0, *, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A smooth picture with some texture, (height, width, 3) float."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(40, 215, (6, 8, 3)).astype(np.float32)
    fine = random.uniform(-25, 25, (height // 4, width // 4, 1)).astype(np.float32)
    size = (width, height)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) + cv2.resize(fine, size)[..., None]


def noisy(picture: np.ndarray, seed: int, *, noise: float = NOISE) -> np.ndarray:
    random = np.random.default_rng([1, seed])
    return np.clip(np.rint(picture + random.normal(0, noise, picture.shape)), 0, 255).astype(np.uint8)


def error(one: np.ndarray, other: np.ndarray) -> float:
    """Root of the mean square difference in levels."""
    return float(np.sqrt(np.mean((one.astype(np.float64) - other) ** 2)))


def fused(frames, **settings) -> list[np.ndarray]:
    stream = Calm(**settings)
    return [stream.fuse(frame).copy() for frame in frames]


def test_a_still_scene_loses_its_noise():
    picture = scene()
    given = fused([noisy(picture, t) for t in range(30)], noise=0.6)
    assert error(given[-1], picture) < 0.35 * NOISE
    assert np.abs(given[-1].astype(int) - given[-2]).mean() < 0.15 * NOISE


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_wrong_dial_is_put_right_by_the_frames(noise):
    picture = scene()
    given = fused([noisy(picture, t) for t in range(30)], noise=noise)
    assert error(given[-1], picture) < 0.4 * NOISE


def test_a_camera_that_pans_is_left_alone():
    wide = scene(width=WIDTH + 80)
    frames = [noisy(wide[:, 2 * t : 2 * t + WIDTH], t) for t in range(20)]
    for frame, given in zip(frames[3:], fused(frames, noise=0.6)[3:], strict=True):
        assert np.abs(given.astype(int) - frame).mean() < 0.2


def test_nothing_trails_behind_a_mover():
    background, front = scene(1), scene(2)
    frames, uncovered = [], None
    for t in range(24):
        shown, left = background.copy(), 4 * t
        shown[20:70, left : left + 30] = front[20:70, :30]
        frames.append(noisy(shown, t))
        uncovered = (slice(20, 70), slice(left - 4, left))  # since the last frame
    given = fused(frames, noise=0.6)[-1]
    plain = error(frames[-1][uncovered], background[uncovered])
    assert error(given[uncovered], background[uncovered]) < plain + 0.5


def test_what_moves_leaves_no_colour_behind_where_the_luma_is_the_same():
    red, green = np.array([200, 80, 80]), np.array([40, 153, 120])
    lumas = [int(calm.gray(np.full((1, 1, 3), each, np.uint8))[0, 0]) for each in (red, green)]
    assert abs(lumas[0] - lumas[1]) <= 1
    frames = []
    for t in range(20):
        shown = np.zeros((HEIGHT, WIDTH, 3)) + green
        shown[30:70, 3 * t : 3 * t + 25] = red
        frames.append(noisy(shown, t))
    given = fused(frames, noise=0.5)[-1]
    np.testing.assert_allclose(given[35:65, 10:50].mean(axis=(0, 1)), green, atol=4)


def test_it_never_leaves_the_range_of_its_frames_nor_drifts():
    picture = scene()
    frames = [noisy(picture, t) for t in range(16)]
    stream = Calm(noise=0.6)
    means = [float(stream.fuse(frames[t % 16]).mean()) for t in range(800)]
    low, high = np.min(frames, axis=0), np.max(frames, axis=0)
    last = stream.fuse(frames[0])
    assert (last >= low.astype(int) - 1).all()
    assert (last <= high.astype(int) + 1).all()
    assert abs(np.mean(means[-100:]) - np.mean(means[100:200])) < 0.1


def test_a_cut_begins_again():
    before, after = scene(3), scene(4)
    frames = [noisy(before, t) for t in range(12)] + [noisy(after, 12)]
    assert np.array_equal(fused(frames, noise=0.6)[-1], frames[-1])


def test_a_black_frame_in_the_middle_leaves_nothing_behind():
    picture = scene()
    frames = [noisy(picture, t) for t in range(10)] + [np.zeros((HEIGHT, WIDTH, 3), np.uint8), noisy(picture, 11)]
    given = fused(frames, noise=0.6)
    assert not given[-2].any()
    assert np.array_equal(given[-1], frames[-1])


def test_a_jump_of_exposure_is_followed_at_once():
    picture = scene()
    frames = [noisy(picture, t) for t in range(12)] + [noisy(0.75 * picture, t) for t in range(12, 15)]
    assert abs(float(fused(frames, noise=0.6)[12].mean()) - float(frames[12].mean())) < 0.5


def test_another_size_begins_again():
    small = scene(height=64, width=64)
    frames = [noisy(scene(), 0), noisy(scene(), 1), noisy(small, 2)]
    assert np.array_equal(fused(frames, noise=0.6)[-1], frames[-1])


def test_a_frame_that_comes_twice_counts_once():
    picture = scene()
    once = [noisy(picture, t) for t in range(12)]
    twice = [frame for frame in once for _ in range(2)]
    assert np.array_equal(fused(once, noise=0.6)[-1], fused(twice, noise=0.6)[-1])


def test_two_streams_know_nothing_of_each_other():
    one, other = Calm(noise=0.6), Calm(noise=0.6)
    frames = [noisy(scene(5), t) for t in range(6)], [noisy(scene(6), t) for t in range(6)]
    mixed = [(one.fuse(a).copy(), other.fuse(b).copy()) for a, b in zip(*frames, strict=True)]
    assert np.array_equal(mixed[-1][0], fused(frames[0], noise=0.6)[-1])
    assert np.array_equal(mixed[-1][1], fused(frames[1], noise=0.6)[-1])


@pytest.mark.parametrize("size", [(8, 8), (31, 200), (33, 35), (50, 67)])
def test_any_size_goes_through(size):
    picture = scene(height=size[0], width=size[1]) if min(size) >= 8 else np.zeros((*size, 3))
    frames = [noisy(picture[: size[0], : size[1]], t) for t in range(5)]
    assert [given.shape for given in fused(frames)] == [frame.shape for frame in frames]


def test_strength_0_gives_the_frames_and_half_of_it_less_calm():
    picture = scene()
    frames = [noisy(picture, t) for t in range(20)]
    assert all(np.array_equal(a, b) for a, b in zip(fused(frames, strength=0), frames, strict=True))
    errors = [error(fused(frames, strength=each, noise=0.6)[-1], picture) for each in (0, 0.5, 1)]
    assert errors[0] > errors[1] + 0.5 > errors[2] + 1


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_out_of_range_is_one_sentence(strength):
    with pytest.raises(SharpcamError, match="The calm goes from 0 to 1"):
        Calm(strength)


def test_a_stream_goes_on_from_its_state():
    picture = scene()
    frames = [noisy(picture, t) for t in range(14)]
    first = Calm(noise=0.6)
    for frame in frames[:7]:
        first.fuse(frame)
    state = {name: value.copy() for name, value in first.state().items()}
    second = Calm(noise=0.6)
    second.restore(state)
    for frame in frames[7:]:
        assert np.array_equal(first.fuse(frame), second.fuse(frame))


def test_no_frame_yet_is_a_state_too():
    stream = Calm()
    stream.restore(Calm().state())
    assert stream.memory is None


def test_the_luma_is_the_formula_that_the_browser_computes():
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    r, g, b = (frame[..., channel].astype(np.int64) for channel in range(3))
    assert np.array_equal(calm.gray(frame), (9798 * r + 19235 * g + 3735 * b + 16384) >> 15)


def deep(frame: np.ndarray) -> np.ndarray:
    return frame.astype(np.uint16) * 257


def test_a_film_of_16_bits_is_as_calm_as_one_of_8():
    frames = [noisy(scene(), t) for t in range(20)]
    plain, given = fused(frames, noise=0.6), fused([deep(frame) for frame in frames], noise=0.6)
    assert {frame.dtype for frame in given} == {np.dtype(np.uint16)}
    for ours, theirs in zip(given, plain, strict=True):
        assert np.abs(ours / 257 - theirs).mean() < 0.5
    assert error(given[-1] / 257, scene()) < 0.35 * NOISE


def test_what_16_bits_tell_and_8_do_not_is_fused_too():
    """A fade that is slower than 8 bits tell does not wait for their next level."""
    picture = deep(noisy(scene(), 0, noise=1) // 2)
    frames = [picture + 32 * t for t in range(40)]
    means = [float(frame.mean()) for frame in fused(frames, noise=0.2)]
    assert min(np.diff(means[10:])) > 10
    assert max(np.diff(means[10:])) < 80


def test_a_stream_of_16_bits_resumes_where_its_state_was_taken():
    frames = [deep(noisy(scene(), t)) for t in range(8)]
    whole = fused(frames)
    first, second = Calm(), Calm()
    for frame in frames[:4]:
        first.fuse(frame)
    second.restore(first.state())
    for frame, expected in zip(frames[4:], whole[4:], strict=True):
        assert np.array_equal(second.fuse(frame), expected)


def test_another_depth_begins_again():
    frame = noisy(scene(), 0)
    stream = Calm()
    stream.fuse(frame)
    assert np.array_equal(stream.fuse(deep(frame)), deep(frame))
