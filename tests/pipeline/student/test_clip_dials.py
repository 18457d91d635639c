"""The dials of a clip hang on the bytes of a few of its frames and on the estimator, and on nothing else."""

import json

import numpy as np
import pytest
from making import brightness_estimator, make_clip, photo

from pipeline.core.clips import evenly_spread, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.student.clip_dials import LOOKED_AT, ClipReader, as_dials
from pipeline.student.dials import Dials
from pipeline.student.estimator import Estimator, load_estimator

NEUTRAL = Dials(0.25, 0.25, 0.15, 0.25)


def stripes(level):
    """A picture whose mean is `level`, and that is not flat."""
    return np.repeat(np.where(np.arange(64) % 2, level - 5, level + 5)[:, None, None], 3, 2).repeat(64, 1).astype("u1")


@pytest.fixture
def reader(tmp_path):
    return ClipReader(Estimator(brightness_estimator(), np.zeros(4), NEUTRAL), tmp_path / "notes")


def test_a_sample_is_spread_from_the_first_on_and_holds_no_frame_twice():
    assert evenly_spread(range(10), 3) == [0, 3, 6]
    assert evenly_spread("abc", 24) == ["a", "b", "c"]
    assert evenly_spread([], 3) == []
    for count in range(1, 200):
        found = evenly_spread(range(count), LOOKED_AT)
        assert len(found) == len(set(found)) == min(count, LOOKED_AT)
        assert set(np.diff(found)) <= {count // LOOKED_AT, count // LOOKED_AT + 1} or count <= LOOKED_AT


def test_the_dials_of_a_clip_are_the_mean_of_its_sampled_frames(project, reader):
    clip = make_clip(project.paths, "a", [stripes(40 + 2 * index) for index in range(2 * LOOKED_AT)])
    expected = np.mean([40 + 2 * index for index in range(0, 2 * LOOKED_AT, 2)]) / 255
    assert reader.dials(clip) == Dials(*[round(expected, 2)] * 4)


def test_the_same_frames_are_read_once_and_others_again(project, reader, monkeypatch):
    clip = make_clip(project.paths, "a", [stripes(50), stripes(150)])
    first = reader.dials(clip)
    with monkeypatch.context() as patch:
        patch.setattr(Estimator, "estimate", lambda *_: pytest.fail("read again"))
        assert reader.dials(clip) == first
        assert reader.dials(clip.rename(clip.with_name("b"))) == first
    other = make_clip(project.paths, "c", [stripes(50), stripes(151)])
    assert reader.key(other) != reader.key(clip.with_name("b"))
    surer = ClipReader(Estimator(brightness_estimator(sure=2), np.zeros(4), NEUTRAL), reader.notes)
    assert surer.key(other) != reader.key(other)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"blur": 0.1}', '{"blur": 2, "noise": 0, "sharpening": 0}'])
def test_a_note_that_makes_no_sense_is_read_again(project, reader, content):
    clip = make_clip(project.paths, "a", [stripes(102)])
    note = reader.notes / f"{reader.key(clip)}.json"
    note.parent.mkdir()
    note.write_text(content)
    assert reader.dials(clip) == Dials(0.4, 0.4, 0.4, 0.4)
    assert as_dials(json.loads(note.read_text())) == Dials(0.4, 0.4, 0.4, 0.4)


def test_frames_that_cannot_be_read_are_passed_over_and_what_tells_nothing_is_neutral(project, reader):
    clip = make_clip(project.paths, "a", [stripes(102), stripes(200)])
    find_frames(clip)[1].write_text("no picture")
    assert reader.dials(clip) == Dials(0.4, 0.4, 0.4, 0.4)
    assert reader.dials(make_clip(project.paths, "small", [photo(60, 60)])) == NEUTRAL
    find_frames(clip)[0].unlink()
    assert reader.dials(clip) == NEUTRAL


def test_an_estimator_is_loaded_from_its_file_or_refused_in_a_sentence(tmp_path):
    (tmp_path / "estimator.onnx").write_bytes(brightness_estimator())
    loaded = load_estimator(tmp_path / "estimator.onnx", NEUTRAL)
    assert loaded.neutral == NEUTRAL
    np.testing.assert_array_equal(loaded.prior_weights, np.ones(4))
    (tmp_path / "estimator.onnx").write_bytes(b"no network")
    with pytest.raises(SharpcamError, match="not an ONNX file with prior_weights"):
        load_estimator(tmp_path / "estimator.onnx", NEUTRAL)
