"""Streams show what their names say, and what steadies them is measured on the right pixels."""

import numpy as np
import pytest
from making import photo

from benchmarks.cameras import steadying
from benchmarks.cameras.steadying import PLAIN, StreamScore, calmed, score, steadying_table
from benchmarks.cameras.streams import ROOM_PX, STREAMS, Stream, crossed, panned, shaken, standing
from pipeline.families.families import Family

FRAMES = 8


@pytest.fixture(scope="module")
def photos():
    return photo(288, 384, seed=1), photo(288, 384, seed=2)


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_the_same_again_and_of_sides_that_halve_evenly(kind, photos):
    one, other = STREAMS[kind](*photos, FRAMES), STREAMS[kind](*photos, FRAMES)
    assert len(one.truths) == FRAMES
    assert all(map(np.array_equal, one.truths, other.truths))
    assert one.truths[0].shape == (288 - 2 * ROOM_PX, 384 - 2 * ROOM_PX, 3)


def test_only_a_standing_camera_gives_the_same_picture(photos):
    assert all(np.array_equal(standing(*photos, FRAMES).truths[0], each) for each in standing(*photos, FRAMES).truths)
    for moving in (shaken, panned, crossed):
        assert not np.array_equal(*moving(*photos, FRAMES).truths[3:5])


def test_who_walks_past_covers_and_uncovers(photos):
    stream = crossed(*photos, FRAMES)
    background = standing(*photos, FRAMES).truths[0]
    still, uncovered = stream.still(6), stream.uncovered(FRAMES - 1)
    assert still.any()
    assert uncovered.any()
    assert not (still & uncovered).any()
    assert np.array_equal(stream.truths[-1][uncovered], background[uncovered])
    assert np.array_equal(stream.truths[-1][still], background[still])


def test_a_score_knows_still_pixels_and_ghosts():
    truth = np.full((64, 64, 3), 100, np.uint8)
    covered = [np.zeros((64, 64), bool) for _ in range(4)]
    covered[2][16:32, 16:32] = True
    stream = Stream([truth] * 4, covered)
    pictures = [truth.copy() for _ in range(2)]
    pictures[1][16:32, 16:32] += 10  # what is left of who was there
    found = score(stream, pictures)
    assert found.flicker == 0
    assert found.ghost_db == pytest.approx(10 * np.log10(255**2 / 100))
    assert np.isnan(score(Stream([truth] * 4), pictures).ghost_db)


def test_calm_helps_where_nothing_moves_and_costs_nothing_where_the_camera_does(photos):
    family, random = Family(noise=8), np.random.default_rng(0)

    def errors(stream):
        frames = family.film(stream.truths, random)
        clean = Family().film(stream.truths, random)
        return [float(np.mean((each[-1].astype(float) - clean[-1]) ** 2)) for each in (frames, calmed(frames, 0.7))]

    plain, calm = errors(standing(*photos, 16))
    assert calm < 0.3 * plain
    plain, calm = errors(panned(*photos, 16))
    assert calm < 1.02 * plain


def test_the_table_has_gains_over_frames_by_themselves():
    scores = {("E", "still"): {PLAIN: StreamScore(30, 4, np.nan), "calm 1": StreamScore(30.5, 0.6, np.nan)}}
    assert "| E | still | 30.00 | +0.50 | 4.00 | 0.60 |  |" in steadying_table(scores)


def test_filters_of_ffmpeg_are_left_out_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(steadying.shutil, "which", lambda _: None)
    assert list(steadying.steadying()) == [PLAIN, "calm 1"]
