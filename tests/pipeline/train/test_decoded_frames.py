"""Decoded frames are those on disk, decoded when they are asked for, and kept while there is room."""

import numpy as np
import pytest
import torch
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import fit
from pipeline.core.hashing import sha256
from pipeline.train import decoded_frames as module
from pipeline.train.decoded_frames import OnDemand, decoded_frames
from training.pairs import Crops, Pairs, RandomCrops

STEMS = [f"{index:06d}" for index in range(5)]
PAIR_GB = 3 * (160 * 128 + 80 * 64) / 1e9  # of a frame and its teacher's picture, decoded


class Clip:
    """A clip of five frames with its teacher's pictures, and what was decoded of them."""

    def __init__(self, project):
        self.project, self.paths, self.decoded = project, project.paths, []
        for index, stem in enumerate(STEMS):
            for folder, size in (("raw", (60, 80)), ("teacher", (128, 160))):
                write_frame(self.path(folder, stem), photo(*size, seed=index))

    def path(self, folder, stem):
        return self.project.root / "data" / folder / "a" / f"{stem}.png"

    def frames(self, *, memory_gb=1.0, training=STEMS[:-1], **geometry):
        changed = self.project.change(geometry=geometry).geometry
        split = {"training": {"a": training}, "validation": {"a": STEMS[-1:]}}
        return decoded_frames(split, paths=self.paths, geometry=changed, memory_gb=memory_gb)


@pytest.fixture
def clip(project, monkeypatch):
    made = Clip(project)

    def noted(path, **more):
        made.decoded.append("/".join(path.parts[-3:]))
        return read_frame(path, **more)

    monkeypatch.setattr(module, "read_frame", noted)
    return made


def test_inputs_are_fitted_raw_frames_and_targets_the_teachers_pictures(clip):
    for part, stem in ((clip.frames()["training"], STEMS[0]), (clip.frames()["validation"], STEMS[-1])):
        assert part.names[0] == f"a/{stem}"
        raw = read_frame(clip.path("raw", stem))
        np.testing.assert_array_equal(part.input(0), fit(raw, geometry=clip.project.params.geometry))
        np.testing.assert_array_equal(part.target(0), read_frame(clip.path("teacher", stem)))
    stretched = clip.frames(fit="stretch")["training"]
    expected = fit(photo(60, 80, seed=0), geometry=clip.project.params.geometry)
    np.testing.assert_array_equal(stretched.input(0), expected)


def test_nothing_is_decoded_before_it_is_asked_for_and_no_frame_twice_while_there_is_room(clip):
    frames = clip.frames()["training"]
    frames.sha256()
    assert clip.decoded == []
    for _ in range(2):
        frames.target(2)
        assert clip.decoded == ["teacher/a/000002.png"]
    assert not (clip.paths.cache / "frames").exists()


def test_without_room_frames_are_decoded_again_and_crops_stay_the_same(clip, monkeypatch):
    monkeypatch.setattr(OnDemand, "AT_ONCE", 2)
    crops = Crops(per_epoch=96, batch_size=32, side_px=16, scale=2)

    def drawn(frames):
        pairs = Pairs(frames.inputs, frames.targets)
        return list(RandomCrops(pairs, crops, seed=1, epoch=0, rank=0, ranks=1))

    roomy, tight = clip.frames(), clip.frames(memory_gb=2.5 * PAIR_GB)
    expected = drawn(roomy["training"])
    assert len(clip.decoded) == 2 * 4
    clip.decoded.clear()
    for pair, same in zip(drawn(tight["training"]), expected, strict=True):
        assert all(torch.equal(squares, others) for squares, others in zip(pair, same, strict=True))
    assert (tight["training"].kept, tight["validation"].kept) == (2, 0)
    assert len(tight["training"].inputs.store) == 2 + 2
    assert len(clip.decoded) > 2 * 4
    np.testing.assert_array_equal(tight["validation"].input(0), roomy["validation"].input(0))


def test_frames_that_were_first_asked_for_while_one_validates_serve_a_training(clip):
    frames = clip.frames()["training"]
    with torch.inference_mode():
        first = frames.target(0)
    np.testing.assert_array_equal(frames.target(0), first)
    np.testing.assert_array_equal(frames.target(1), read_frame(clip.path("teacher", STEMS[1])))


def test_some_frames_are_spread_evenly(clip):
    training = clip.frames()["training"]
    assert training.some(2).names == ["a/000000", "a/000002"]
    assert training.some(9) == training


@pytest.mark.parametrize(
    ("folder", "note", "content"),
    [
        ("raw", "hashes.json", {f"{STEMS[1]}.png": "0" * 64}),
        ("teacher", "chain.json", {"frames": {STEMS[1]: ["key", "0" * 64]}}),
    ],
)
def test_a_frame_that_is_not_what_was_written_is_refused(clip, folder, note, content):
    write_json(clip.path(folder, STEMS[1]).with_name(note), content)
    frames = clip.frames()["training"]
    said = rf'{folder}/a/000001\.png is not what was written there.*pipeline\.verify" says what to do'
    with pytest.raises(SharpcamError, match=said):
        frames.input(1) if folder == "raw" else frames.target(1)


def test_their_hash_is_that_of_the_files_whether_noted_or_read(clip):
    first = clip.frames()["training"].sha256()
    noted = {f"{stem}.png": sha256(clip.path("raw", stem)) for stem in STEMS}
    write_json(clip.path("raw", STEMS[0]).with_name("hashes.json"), noted)
    assert clip.frames()["training"].sha256() == first
    write_json(clip.path("raw", STEMS[0]).with_name("hashes.json"), noted | {f"{STEMS[2]}.png": "0" * 64})
    changes = [clip.frames(), clip.frames(fit="stretch"), clip.frames(fit="crop", training=STEMS[:3])]
    assert len({first, *(each["training"].sha256() for each in changes)}) == 4


def test_a_frame_that_is_missing_or_of_another_size_is_named(clip):
    write_frame(clip.path("teacher", STEMS[1]), photo(64, 80))
    with pytest.raises(SharpcamError, match=r"000001.png has 80x64 pixels, not 160x128. Run the stage"):
        clip.frames()["training"].target(1)
    clip.path("raw", STEMS[0]).unlink()
    with pytest.raises(SharpcamError, match=r"No frame at .*000000.png"):
        clip.frames()
