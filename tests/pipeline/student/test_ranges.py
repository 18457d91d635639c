"""Ranges of whole numbers follow the dials: exact where they were measured, between their neighbours elsewhere."""

from itertools import product

import numpy as np
import onnx
import pytest
import torch
from making import photo
from pydantic import ValidationError

from pipeline.export.build import RealFrames, build
from pipeline.export.exported import Built
from pipeline.export.quantise import quantise
from pipeline.student.dials import Dials, DialSection
from pipeline.student.engines import OnnxRuntime, to_batch
from pipeline.student.packing import pack_array
from pipeline.student.ranges import Range, ranges_at
from training.models import MODELS
from training.models.dials import NEUTRAL

SETTINGS = [Dials(*NEUTRAL), Dials(0, 0, 0, 0), Dials(1, 1, 1, 1), Dials(0.9, 0.1, 0.4, 0.6)]
GROWTH = 8.0  # of what the second block reads, with all of the noise


@pytest.fixture(scope="module")
def built() -> Built:
    """A student whose tensors reach much farther at one end of a dial than at the other."""
    torch.manual_seed(3)
    model = MODELS["student_s"](dials=True).eval()
    with torch.no_grad():
        model.tail.weight.normal_(std=0.02)
        model.dials.hidden.weight.zero_()
        model.dials.hidden.weight[:, 1] = 1
        model.dials.hidden.bias.zero_()
        first = model.body[0].first.out_channels
        model.dials.out.weight[model.head.out_channels : model.head.out_channels + first, 0] = GROWTH
    frames = [photo(64, 64, seed=seed) for seed in range(4)]
    return build(model, RealFrames(calibration=frames, parity=frames[:1]), opset=20)


def psnr(one, other):
    return -10 * np.log10(np.mean(np.square(one.clip(0, 1) - other.clip(0, 1), dtype=np.float64)))


def to_float(built, folding, dials):
    """PSNR of the int8 picture to the float one."""
    files = folding.fold_float(built.exact, dials), folding.fold_int8(built.int8, dials)
    batch = to_batch(photo(96, 128, seed=20))
    return psnr(*(OnnxRuntime(data, threads=1).infer(batch) for data in files))


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_int8_is_as_near_to_float_at_every_setting_as_if_it_were_calibrated_there(built, setting):
    exact = built.folding.fold_float(built.exact, setting)
    alone = quantise(exact, [photo(64, 64, seed=seed) for seed in range(4)])
    batch = to_batch(photo(96, 128, seed=20))
    at_its_best = psnr(OnnxRuntime(exact, threads=1).infer(batch), OnnxRuntime(alone, threads=1).infer(batch))
    assert to_float(built, built.folding, setting) > at_its_best - 2


def test_ranges_of_one_setting_would_not_do_for_all(built):
    far, table = Dials(0.25, 1, 0.15, 0.25), built.folding.ranges
    same = {name: np.broadcast_to(getattr(table, name)[1, 1, 1, 1], table.low.shape) for name in ("low", "high")}
    fixed = built.folding.model_copy(update={"ranges": table.model_copy(update=same)})
    assert to_float(built, built.folding, far) > to_float(built, fixed, far) + 6


def test_a_bias_has_the_scale_of_its_products_at_every_setting(built):
    """ONNX Runtime takes it for granted, and reads the levels of a bias by that scale."""
    for setting in SETTINGS:
        model = onnx.load_from_string(built.folding.fold_int8(built.int8, setting))
        arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        makers = {name: node for node in model.graph.node for name in node.output}
        for node in (node for node in model.graph.node if node.op_type == "Conv" and len(node.input) > 2):
            read, weight, bias = (arrays[makers[name].input[1]] for name in node.input)
            np.testing.assert_allclose(bias, read * weight, rtol=1e-6)


def test_between_what_was_measured_lies_what_is_between():
    low, high = np.zeros((3, 3, 3, 3, 2)), np.ones((3, 3, 3, 3, 2))
    high[2, ..., 0], low[..., 1] = 16, -2
    at = {blur: ranges_at(low, high, Dials(blur, 0.3, 0, 1), neutral=NEUTRAL) for blur in (0, 0.25, 0.625, 1)}
    assert [spans[0].high for spans in at.values()] == pytest.approx([1, 1, 4, 16], rel=0.3)
    assert all(spans[1] == Range(pytest.approx(-2), pytest.approx(1)) for spans in at.values())


@pytest.mark.parametrize("neutral", list(product((0.0, 1.0), repeat=2)))
def test_a_neutral_at_an_end_has_neighbours_on_one_side(neutral):
    low, high = np.zeros((3, 3, 1)), np.ones((3, 3, 1))
    for dials in product((0, 0.5, 1), repeat=2):
        assert ranges_at(low, high, dials, neutral=neutral)[0].high == pytest.approx(1)


@pytest.mark.parametrize(
    ("named", "shapes"),
    [("low", [(3, 3, 3, 3, 1), None]), ("high", [None, (2, 3, 3, 3, 11)]), ("read the tensors", [(3, 3, 3, 3, 0)] * 2)],
)
def test_a_table_of_another_shape_is_refused(built, named, shapes):
    table = dict(built.dials["ranges"])
    for name, shape in zip(("low", "high"), shapes, strict=True):
        if shape is not None:
            table |= {name: pack_array(np.zeros(shape))} | ({"tensors": []} if shape[-1] == 0 else {})
    with pytest.raises(ValidationError, match=named):
        DialSection.model_validate(built.dials | {"ranges": table})


def test_tensors_without_a_table_are_refused(built):
    without = {key: value for key, value in built.dials.items() if key != "ranges"}
    with pytest.raises(ValidationError, match="ranges are missing"):
        DialSection.model_validate(without)
