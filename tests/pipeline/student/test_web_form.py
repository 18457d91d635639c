"""The web form is defined to the last bit, stays near the float student, and says what is wrong with its file."""

from itertools import product

import numpy as np
import pytest
import torch
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.hashing import sha256
from pipeline.student.contract import Checksum, read_contract
from pipeline.student.dials import Dials
from pipeline.student.engines import to_batch
from pipeline.student.ranges import ranges_at
from pipeline.student.runtime import load_student
from pipeline.student.student import start_web
from pipeline.student.web_form import WebForm, convolve, nearest, shuffle
from training import checkpoints
from training.models.dials import NEUTRAL

SETTINGS = [Dials(*NEUTRAL), Dials(0, 0, 0, 0), Dials(1, 1, 1, 1), Dials(0.36, 0.34, 0.3, 0.72)]
F = np.float32


@pytest.fixture(scope="module")
def contract(dialled_once):
    return read_contract(dialled_once)


@pytest.fixture(scope="module")
def data(contract):
    return contract.file_of("web").read_bytes()


@pytest.fixture(scope="module")
def form(contract, data):
    return WebForm(contract.schema.web, contract.schema.dials, data)


@pytest.fixture(scope="module")
def model(dialled_checkpoint):
    return checkpoints.load(dialled_checkpoint)[0]


def in_torch(model, frame, dials):
    """What the float student makes of a frame, in grey levels that are not rounded."""
    with torch.inference_mode():
        answer = model.folded(torch.tensor(dials))(torch.from_numpy(to_batch(frame)))
    return 255 * answer[0].permute(1, 2, 0).numpy().clip(0, 1)


def psnr(picture, exact):
    return 20 * np.log10(255) - 10 * np.log10(np.square(picture - exact, dtype=np.float64).mean())


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_web_form_is_near_the_float_student_at_every_setting(form, model, setting):
    frame = photo(96, 128, seed=21)
    assert psnr(form.at(setting).enhance(frame), in_torch(model, frame, setting)) > 47


@pytest.mark.parametrize("size", [(2, 2), (2, 10), (12, 4), (50, 38)], ids=str)
def test_every_even_size_is_as_near(form, model, size):
    """A border that stood for anything but zero would show in the smallest pictures most."""
    frame, setting = photo(50, 38, seed=22)[: size[0], : size[1]], SETTINGS[3]
    picture = form.at(setting).enhance(frame)
    assert picture.shape == (2 * size[0], 2 * size[1], 3)
    assert psnr(picture, in_torch(model, frame, setting)) > 44


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (1, 1)], ids=str)
def test_an_odd_side_is_a_sentence(form, size):
    with pytest.raises(SharpcamError, match=rf"frames of even sides; this one is {size[1]}x{size[0]}\. Fit it"):
        form.at(SETTINGS[0]).enhance(np.zeros((*size, 3), np.uint8))


def test_the_picture_is_written_where_it_is_asked_for(form):
    frame = photo(8, 12)
    out = np.zeros((16, 24, 3), np.uint8)
    assert form.at(SETTINGS[0]).enhance(frame, out) is out
    np.testing.assert_array_equal(out, form.at(SETTINGS[0]).enhance(frame))


def test_a_convolution_is_that_by_hand():
    values = np.arange(1, 5).reshape(2, 2, 1)  # 1 2 / 3 4
    weights = np.arange(9).reshape(1, 3, 3, 1)  # 0 1 2 / 3 4 5 / 6 7 8
    by_hand = [[1 * 4 + 2 * 5 + 3 * 7 + 4 * 8, 1 * 3 + 2 * 4 + 3 * 6 + 4 * 7]]
    by_hand += [[1 * 1 + 2 * 2 + 3 * 4 + 4 * 5, 1 * 0 + 2 * 1 + 3 * 3 + 4 * 4]]
    np.testing.assert_array_equal(convolve(values, weights, stride=1)[..., 0], by_hand)
    squares = convolve(values, np.arange(16).reshape(1, 4, 4, 1), stride=2)
    np.testing.assert_array_equal(squares, [[[1 * 5 + 2 * 6 + 3 * 9 + 4 * 10]]])


def test_sums_of_the_largest_numbers_are_exact():
    odd = np.full((2, 2, 32), 127)
    odd[0, 0, 0] = 126
    weights = np.full((1, 3, 3, 32), -127)
    assert convolve(odd, weights, stride=1)[0, 0, 0] == -127 * (4 * 32 * 127 - 1)
    pixels = np.full((4, 4, 3), 255)
    assert convolve(pixels, np.full((1, 4, 4, 3), 32767), stride=2)[0, 0, 0] == 255 * 32767 * 27


def test_halves_go_to_the_even_level_and_what_is_beyond_to_the_end():
    values = F([-0.5, 0.5, 1.5, 2.5, -1.5, 3e9, -3e9])
    np.testing.assert_array_equal(nearest(values, -2, 100), [0, 0, 2, 2, -2, 100, -2])


def test_channels_become_pixels_colour_by_colour():
    picture = shuffle(np.arange(2 * 48).reshape(1, 2, 48))
    assert picture.shape == (4, 8, 3)
    for colour, y, x in product(range(3), range(4), range(4)):
        assert picture[y, x, colour] == 16 * colour + 4 * y + x
        assert picture[y, 4 + x, colour] == 48 + 16 * colour + 4 * y + x


@pytest.mark.parametrize("louder", [1, 3000], ids=["", "as loud as overflows"])
@pytest.mark.parametrize("setting", [SETTINGS[0], SETTINGS[3]], ids=str)
def test_plain_loops_over_the_file_come_to_the_same_bits(contract, data, setting, louder):
    """The definition once more, number by number."""
    section = contract.schema.web
    changed = bytearray(data)
    for layer in section.layers:
        if layer.name.endswith("second"):
            scales = louder * np.frombuffer(data, "<f4", layer.weights.shape[0], layer.scale)
            changed[layer.scale : layer.scale + scales.nbytes] = scales.astype("<f4").tobytes()
    frame = photo(40, 40, seed=3)[::10, ::10]
    expected = Loops(section, contract.schema.dials, bytes(changed), setting).picture(frame)
    picture = WebForm(section, contract.schema.dials, bytes(changed)).at(setting).enhance(frame)
    assert picture.tolist() == expected
    assert picture.std() > 5


class Loops:
    """The web form by Python's whole numbers, and float32 one operation at a time, for frames of 4x4 pixels."""

    def __init__(self, section, dials, data, setting):
        self.blocks, self.data = section.blocks, data
        self.layers = {layer.name: layer for layer in section.layers}
        self.turns = {layer.name: turn for layer, turn in zip(dials.layers, dials.turns(setting), strict=True)}
        spans = ranges_at(dials.ranges.low, dials.ranges.high, setting, neutral=dials.neutral)
        self.read = {name: spans[layer.reads] for name, layer in self.layers.items() if layer.reads is not None}
        self.step = {name: max(span.high - span.low, 1e-6) / 127 for name, span in self.read.items()}
        states = [self.read[name] for name in [f"body.{block}.first" for block in range(self.blocks)] + ["tail"]]
        self.unit = max(max(max(-span.low, span.high) for span in states) / 16384, 1e-9)

    def picture(self, frame):
        """(4, 4, 3) to nested lists of (8, 8, 3)."""
        pixels = {(y, x): [int(value) for value in frame[y, x]] for y, x in product(range(4), range(4))}
        trunk = self.levels("head", pixels, 0, unit_in=None, unit_out=self.unit, most=32767)
        for block in range(self.blocks):
            first, second = f"body.{block}.first", f"body.{block}.second"
            between = self.step[second]
            inner = self.levels(first, *self.taken(first, trunk), self.step[first], unit_out=between, most=127)
            branch = self.levels(second, inner, 0, between, unit_out=self.unit, most=32767, least=-32768)
            trunk = {
                place: [clamp(one + other, -32768, 32767) for one, other in zip(row, branch[place], strict=True)]
                for place, row in trunk.items()
            }
        return self.last(pixels, trunk)

    def numbers(self, name):
        """Scale and bias of each output channel, float64."""
        layer, turn = self.layers[name], self.turns.get(name)
        places, count = (layer.scale, layer.bias), layer.weights.shape[0]
        scale, bias = (np.frombuffer(self.data, "<f4", count, at).astype(float) for at in places)
        return (scale, bias) if turn is None else (scale * turn.factor, bias * turn.factor + turn.offset)

    def sums(self, name, values, border):
        """By place a sum for each output channel, of `values` by place with levels of `border` around them."""
        weights = self.layers[name].weights
        out, side, _, channels = weights.shape
        stride, size = 2 if side == 4 else 1, side * side * channels
        kind = "<i2" if weights.type == "int16" else "i1"
        flat = np.frombuffer(self.data, kind, out * size, weights.offset).tolist()
        around = list(product(range(-1, side - 1), repeat=2))
        found = {}
        for y, x in product(range(2), range(2)):
            met = [values.get((stride * y + dy, stride * x + dx), [border] * channels) for dy, dx in around]
            line = [value for place in met for value in place]
            rows = (flat[at : at + size] for at in range(0, out * size, size))
            found[y, x] = [
                sum(value * weight for value, weight in zip(line, row, strict=True)) - border * sum(row) for row in rows
            ]
        return found

    def levels(self, name, values, border, unit_in, *, unit_out, most, least=0):
        """What that convolution makes of levels of `unit_in`, as levels of `unit_out`."""
        scale, bias = self.numbers(name)
        times = scale / 255 / unit_out if name == "head" else unit_in * scale / unit_out
        plus = bias / unit_out
        return {
            place: [clamp(level(total, times[o], plus[o]), least, most) for o, total in enumerate(totals)]
            for place, totals in self.sums(name, values, border).items()
        }

    def taken(self, name, trunk):
        """What that convolution reads of the trunk, and the level of zero."""
        zero = clamp(int(np.rint(-self.read[name].low / self.step[name])), 0, 127)
        gain = F(self.unit / self.step[name])
        taken = {
            place: [clamp(int(np.rint(F(value) * gain)) + zero, 0, 127) for value in row]
            for place, row in trunk.items()
        }
        return taken, zero

    def last(self, pixels, trunk):
        """The picture of tail and skip."""
        (scale, bias), (skip_scale, skip_bias) = self.numbers("tail"), self.numbers("skip")
        times, plus = self.step["tail"] * scale * 255, (bias + skip_bias) * 255
        picture, skipped = np.zeros((8, 8, 3), int), self.sums("skip", pixels, 0)
        for (y, x), totals in self.sums("tail", *self.taken("tail", trunk)).items():
            for o, total in enumerate(totals):
                beside = F(F(skipped[y, x][o]) * F(skip_scale[o])) + F(plus[o])
                place = 4 * y + o % 16 // 4, 4 * x + o % 4, o // 16
                picture[place] = clamp(level(total, times[o], beside), 0, 255)
        return picture.tolist()


def clamp(value, least, most):
    return min(max(value, least), most)


def level(total, times, plus):
    return int(np.rint(F(F(total) * F(times)) + F(plus)))


def test_a_student_in_its_web_form_answers_as_its_contract_knows(dialled_once, contract):
    student = start_web(contract)
    golden = contract.schema.golden
    assert Checksum.of(student.running.enhance(golden.input)) == golden.output_web
    strong = student.with_dials(Dials(*golden.strong.dials)).running.enhance(golden.input)
    assert Checksum.of(strong) == golden.strong.output_web != golden.output_web
    assert np.abs(strong.astype(int) - golden.strong.output).max() < 12
    exact = load_student(dialled_once, engine="onnxruntime-fp32", threads=1)
    frame = photo(60, 80, seed=5)
    picture = student.with_dials(SETTINGS[3]).enhance(frame)
    assert psnr(picture, exact.with_dials(SETTINGS[3]).enhance(frame).astype(float)) > 44
    assert student.estimate([frame]) == exact.estimate([frame])


def changed_file(contract_file, change, *, known=True):
    """The student with another file of its web form, of which the contract knows the hash."""
    contract = read_contract(contract_file)
    file = contract.file_of("web")
    file.write_bytes(change(file.read_bytes()))
    if known:
        content = contract.content | {"files": contract.content["files"] | {file.name: sha256(file)}}
        write_json(contract_file, content)
    return read_contract(contract_file)


@pytest.mark.parametrize(
    ("change", "known", "words"),
    [
        (lambda data: data[:-1], False, r"_web\.bin is not the file of its contract \(its hash differs\)\. Run"),
        (lambda data: data[:-1], True, r"web form lies behind the end of its file \(\d+ of \d+ bytes\)\. Run"),
        (lambda _: b"", True, r"behind the end of its file \(0 of 0 bytes\)\. Run"),
        (lambda data: b"\xff" * len(data), True, r"web form holds values that are not finite\. Run"),
        (lambda data: bytes(len(data)), True, r"_web\.bin fails its known-answer test .*Train it"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], True, r"_web\.bin fails its known-answer test .*Train it"),
    ],
)
def test_a_file_that_is_cut_or_another_is_a_sentence(dialled, change, known, words):
    with pytest.raises(SharpcamError, match=words):
        start_web(changed_file(dialled, change, known=known))
    assert load_student(dialled, engine="onnxruntime-fp32", threads=1)  # which does not need it


def test_a_missing_file_is_a_sentence(dialled):
    contract = read_contract(dialled)
    contract.file_of("web").unlink()
    with pytest.raises(SharpcamError, match=r'No student at .*_web\.bin\. Run "dvc repro export"'):
        start_web(contract)


def test_a_student_without_a_web_form_is_a_sentence_and_runs_as_ever(exported):
    with pytest.raises(SharpcamError, match=r"student_sr\.json has no web form: only students for live video"):
        start_web(read_contract(exported))
    assert load_student(exported, engine="onnxruntime-fp32", threads=1)


def test_a_contract_of_before_is_read(dialled):
    content = read_json(dialled, made_by="export")
    del content["web"]
    del content["files"][next(name for name in content["files"] if name.endswith("_web.bin"))]
    for golden in (content["golden"], content["golden"]["strong"]):
        del golden["output_web"]
    write_json(dialled, content)
    assert load_student(dialled, engine="onnxruntime-int8", threads=1)
    with pytest.raises(SharpcamError, match="has no web form"):
        start_web(read_contract(dialled))
