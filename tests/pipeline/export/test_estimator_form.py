"""The estimator as browsers compute it: where its weights lie, and which network has that form."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from dialled import mean_colour_network
from making import ROOT, photo

from pipeline.export.estimator_form import plain_form
from pipeline.student.contract import read_contract, unpack_picture
from pipeline.student.dials import Dials
from pipeline.student.estimator import Estimator, load_estimator
from training.models.dials import NEUTRAL

BUNDLED = ROOT / "weights/bundled"
GOLDEN = photo(48, 64)


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return load_estimator(BUNDLED / "estimator.onnx", Dials(*NEUTRAL))


def test_its_weights_are_found_in_the_file(estimator: Estimator) -> None:
    plain = plain_form(estimator, GOLDEN)
    assert plain
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load_from_string(estimator.onnx).graph.initializer}
    names = [*(f"body.{2 * index}" for index in range(5)), "value", "weight"]
    for name, layer in zip(names, plain["layers"], strict=True):
        place = layer["weights"]
        count = int(np.prod(place["shape"]))
        found = np.frombuffer(estimator.onnx, place["type"], count, place["offset"]).reshape(place["shape"])
        expected = stored.get(f"estimator.{name}.weight", stored.get(f"estimator.{name}.weight_fp16"))
        assert expected is not None
        assert np.array_equal(found, expected)
        bias = np.frombuffer(estimator.onnx, "float32", place["shape"][0], layer["bias"])
        assert np.array_equal(bias, stored[f"estimator.{name}.bias"])


def test_other_networks_and_too_small_a_picture_have_none(estimator: Estimator) -> None:
    other = Estimator(mean_colour_network(weight=1), np.ones(4), Dials(*NEUTRAL))
    assert plain_form(other, GOLDEN) is None
    assert plain_form(estimator, GOLDEN[:31]) is None


@pytest.mark.parametrize("contract", sorted(BUNDLED.glob("student_*.json")), ids=lambda file: file.stem)
def test_the_bundled_contracts_hold_it(contract: Path) -> None:
    content, own = read_contract(contract).content, read_contract(contract).estimator
    assert own
    plain = plain_form(own, unpack_picture(content["golden"]["input"]))
    kept = content["estimator"]["plain"]
    assert plain
    assert kept["layers"] == plain["layers"]
    for key in ("values", "weights"):
        assert np.allclose(kept["known"][key], plain["known"][key], rtol=1e-4)
