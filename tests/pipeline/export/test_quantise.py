"""int8 is the same student: whole numbers inside, real frames through it, hardly another picture."""

import numpy as np
import onnx
import pytest
from making import photo
from onnx import TensorProto, numpy_helper

from pipeline.export.quantise import EVERY, find_convolutions, met, quantise, range_of, whole_weights
from pipeline.student.engines import OnnxRuntime, session, to_batch
from pipeline.student.ranges import Range


@pytest.fixture(scope="module")
def files(exported_once):
    return exported_once.with_suffix(".onnx"), exported_once.with_name("student_sr_int8.onnx")


@pytest.fixture(scope="module")
def int8(files):
    return onnx.load(files[1])


def psnr(one, other):
    return 10 * np.log10(1 / np.mean(np.square(one - other, dtype=np.float64)))


def test_int8_stays_close_to_float_on_frames_that_did_not_calibrate_it(files):
    exact, rounded = (OnnxRuntime(file, threads=1) for file in files)
    for seed in (11, 12):
        batch = to_batch(photo(96, 64, seed=seed))
        assert psnr(exact.infer(batch), rounded.infer(batch)) > 50


def test_every_convolution_has_whole_weights_and_reads_whole_numbers(int8):
    types = {tensor.name: tensor.data_type for tensor in int8.graph.initializer}
    makers = {name: node for node in int8.graph.node for name in node.output}
    convolutions = [node for node in int8.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 11
    for node in convolutions:
        read, weight, *bias = (makers[name] for name in node.input)
        assert makers[read.input[0]].op_type == "QuantizeLinear"
        assert types[read.input[2]] == TensorProto.UINT8
        assert types[weight.input[0]] == TensorProto.INT8
        assert all(types[item.input[0]] == TensorProto.INT32 for item in bias)


def test_the_frame_goes_in_exactly_and_the_picture_comes_out_unrounded(int8):
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in int8.graph.initializer}
    assert arrays["frame_scale"] == np.float32(1 / 255)
    assert arrays["frame_zero"] == 0
    makers = {name: node for node in int8.graph.node for name in node.output}
    last = makers["picture"]
    assert last.op_type == "DepthToSpace"
    assert makers[last.input[0]].op_type == "Add"
    assert {makers[name].op_type for name in makers[last.input[0]].input} == {"Conv"}


def test_the_same_student_and_frames_give_the_same_bytes(files):
    data, frames = files[0].read_bytes(), [photo(64, 80, seed=seed) for seed in (1, 2, 3)]
    assert quantise(data, frames) == quantise(data, frames) == files[1].read_bytes()


def test_it_is_less_than_half_the_size_and_takes_any_even_size(files):
    assert 2 * files[1].stat().st_size < files[0].stat().st_size
    student = OnnxRuntime(files[1], threads=1)
    for height, width in ((8, 8), (50, 38)):
        assert student.enhance(photo(height, width)).shape == (2 * height, 2 * width, 3)


def test_weights_rounded_together_answer_better_than_each_rounded_by_itself():
    random = np.random.default_rng(0)
    weight = random.normal(size=(6, 2, 3, 3))
    inputs = random.normal(size=(4000, 2)) @ random.normal(size=(2, 18)) + 0.05 * random.normal(size=(4000, 18))
    levels, scales = whole_weights(weight, inputs.T @ inputs)
    assert levels.dtype == np.int8
    assert np.abs(levels.astype(int)).max() <= 127
    flat, steps = weight.reshape(6, -1), scales[:, None]
    together = inputs @ (levels.reshape(6, -1) * steps - flat).T
    alone = inputs @ (np.rint(flat / steps) * steps - flat).T
    assert np.square(together).mean() < 0.3 * np.square(alone).mean()


def test_a_channel_of_zeros_stays_one():
    levels, scales = whole_weights(np.zeros((2, 1, 3, 3)), np.eye(9))
    assert not levels.any()
    assert (scales > 0).all()


def test_columns_are_what_a_convolution_multiplies(files):
    model = onnx.load(files[0])
    values = to_batch(photo(64, 48))
    for convolution in (item for item in find_convolutions(model) if item.reads == "frame"):
        bias = 0 if convolution.bias is None else convolution.bias
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(convolution.gives))
        answer = session(model.SerializeToString(), threads=1).run([convolution.gives], {"frame": values})[0][0]
        step = max(1, EVERY // convolution.stride)
        flat = convolution.weight.reshape(len(convolution.weight), -1)
        ours = met(values, convolution) @ flat.T + bias
        np.testing.assert_allclose(ours, answer[:, ::step, ::step].reshape(len(flat), -1).T, atol=1e-4)


def test_a_range_holds_zero_and_leaves_outliers_out():
    values = np.linspace(0.5, 1.0, 100_000, dtype=np.float32)
    values[7] = 50
    span = range_of([values[:40_000], values[40_000:]])
    assert span.low == 0
    assert 0.99 < span.high < 1.01
    assert Range(-1, 1).zero in (127, 128)
    assert Range(0, 0).scale > 0
