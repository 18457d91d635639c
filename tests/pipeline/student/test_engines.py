"""Every engine that is here gives the same picture, but for the rounding of its precision."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.student.contract import read_contract
from pipeline.student.engines import ENGINES, REFERENCE, cores, machine, session, to_batch, to_frame
from pipeline.student.student import TOLERANCE

HERE = [name for name in ENGINES if not ENGINES[name].missing()]


@pytest.fixture(scope="module")
def running(exported_once):
    contract = read_contract(exported_once)

    def start(name, *, threads=1):
        return ENGINES[name].start(contract.file_of(ENGINES[name].form), threads=threads)

    return start


def test_both_libraries_are_here_in_float_and_in_int8():
    assert {"onnxruntime-fp32", "onnxruntime-int8", "openvino-fp32", "openvino-int8"} <= set(HERE)


@pytest.mark.parametrize("size", [(64, 80), (50, 38), (128, 96)], ids=str)
@pytest.mark.parametrize("name", HERE)
def test_an_engine_answers_as_the_reference_does(running, name, size):
    frame = photo(*size, seed=9)
    picture, expected = running(name).enhance(frame), running(REFERENCE).enhance(frame)
    assert picture.shape == (2 * size[0], 2 * size[1], 3)
    assert picture.dtype == np.uint8
    off = np.abs(picture.astype(int) - expected)
    assert off.max() <= TOLERANCE[ENGINES[name].precision] * (1 if ENGINES[name].precision == "fp32" else 2)
    assert off.mean() < 1


@pytest.mark.parametrize("name", HERE)
def test_a_picture_is_written_where_it_is_asked_for_and_others_stay(running, name):
    engine, frames = running(name), [photo(48, 64, seed=seed) for seed in (1, 2)]
    first = engine.enhance(frames[0])
    kept = first.copy()
    out = np.zeros_like(first)
    assert engine.enhance(frames[1], out) is out
    assert out.std() > 5
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(engine.enhance(frames[1]), out)


@pytest.mark.parametrize("name", HERE)
def test_threads_that_share_an_engine_get_each_its_own_picture(running, name):
    engine, frames = running(name), [photo(48, 64, seed=seed) for seed in range(6)]
    alone = [engine.enhance(frame) for frame in frames]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(engine.enhance, frames))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", HERE)
def test_a_view_of_a_frame_is_as_good_as_a_frame(running, name):
    engine, frame = running(name), photo(64, 80)
    np.testing.assert_array_equal(engine.enhance(frame[8:56, 8:72]), engine.enhance(frame[8:56, 8:72].copy()))


def test_an_engine_whose_library_is_not_installed_says_so():
    assert ENGINES[REFERENCE]._replace(library="no_such_library").missing() == "no_such_library is not installed"


@pytest.mark.skipif("onnxruntime-cuda" in HERE, reason="there is a GPU")
def test_cuda_that_cannot_be_used_is_no_quiet_processor(running):
    with pytest.raises(SharpcamError, match=r"no CUDA that it can use. Install CUDA and cuDNN, or take another engine"):
        running("onnxruntime-cuda")


def test_pixels_go_to_a_batch_and_back_as_numpy_would_bring_them():
    frame = photo(12, 17)
    batch = to_batch(frame)
    np.testing.assert_allclose(batch, frame.transpose(2, 0, 1)[None] / np.float32(255), atol=1e-7)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(to_frame(batch), frame)
    wild = np.random.default_rng(0).uniform(-0.5, 1.5, (1, 3, 40, 30)).astype(np.float32)
    plainly = np.rint(wild[0].clip(0, 1) * np.float32(255)).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(to_frame(wild), plainly)


def test_what_is_no_model_is_refused_in_words():
    with pytest.raises(SharpcamError, match="is not a model that ONNX Runtime can run"):
        session(b"no model", threads=1)


def test_a_machine_is_described_by_what_speed_depends_on():
    described = " ".join(machine())
    assert f"{cores()} cores" in described
    assert "openvino 20" in described
