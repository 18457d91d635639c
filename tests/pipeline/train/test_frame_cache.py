"""Decoded frames are those on disk, decoded once, and again only where they changed."""

import os

import numpy as np
import pytest
from making import photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import fit
from pipeline.train import frame_cache
from pipeline.train.frame_cache import decoded_frames

STEMS = ["000000", "000002"]


class Decoding:
    """A clip of two frames, and what was decoded of it the last time."""

    def __init__(self, project):
        self.project, self.paths, self.decoded = project, project.paths, []
        for index, stem in enumerate(STEMS):
            self.write("raw", stem, seed=index)
            self.write("teacher", stem, seed=index)

    def path(self, folder, stem):
        return self.project.root / "data" / folder / "a" / f"{stem}.png"

    def write(self, folder, stem, *, seed):
        picture = photo(*((60, 80) if folder == "raw" else (128, 160)), seed=seed)
        write_frame(self.path(folder, stem), picture)
        os.utime(self.path(folder, stem), ns=(0, seed))
        return picture

    def __call__(self, stems=STEMS, **changes):
        self.decoded.clear()
        geometry = self.project.change(geometry=changes).geometry
        split = {"training": {"a": stems[:-1]}, "validation": {"a": stems[-1:]}}
        return decoded_frames(split, paths=self.paths, geometry=geometry)


@pytest.fixture
def decode(project, monkeypatch):
    decoding = Decoding(project)

    def noted(path, **more):
        decoding.decoded.append("/".join(path.parts[-3:]))
        return read_frame(path, **more)

    monkeypatch.setattr(frame_cache, "read_frame", noted)
    return decoding


def test_inputs_are_fitted_raw_frames_and_targets_the_teachers_pictures(decode):
    for part, stem in zip(decode().values(), STEMS, strict=True):
        assert part.names == [f"a/{stem}"]
        raw = read_frame(decode.path("raw", stem))
        np.testing.assert_array_equal(part.input(0), fit(raw, geometry=decode.project.params.geometry))
        np.testing.assert_array_equal(part.target(0), read_frame(decode.path("teacher", stem)))


@pytest.mark.parametrize(
    ("folder", "note", "content"),
    [
        ("raw", "hashes.json", {f"{STEMS[1]}.png": "0" * 64}),
        ("teacher", "chain.json", {"frames": {STEMS[1]: ["key", "0" * 64]}}),
    ],
)
def test_a_frame_that_is_not_what_was_written_is_refused(decode, folder, note, content):
    write_json(decode.path(folder, STEMS[1]).with_name(note), content)
    said = rf'{folder}/a/000002\.png is not what was written there.*pipeline\.verify" says what to do'
    with pytest.raises(SharpcamError, match=said):
        decode()


def test_frames_are_decoded_once_however_they_are_split(decode):
    decode()
    assert len(decode.decoded) == 4
    decode()
    assert decode.decoded == []
    decode(STEMS[::-1])
    assert decode.decoded == []


@pytest.mark.parametrize("folder", ["raw", "teacher"])
def test_only_a_changed_frame_is_decoded_again_and_its_old_picture_goes(decode, folder):
    before = decode()
    sizes = {file.name: file.stat().st_size for file in (decode.paths.cache / "frames").glob("*.u8")}
    kept = before["validation"].target(0).copy()
    changed = decode.write(folder, STEMS[0], seed=9)
    training, validation = decode().values()
    assert decode.decoded == [f"{folder}/a/000000.png"]
    fitted = fit(changed, geometry=decode.project.params.geometry) if folder == "raw" else changed
    now = {"raw": training.input, "teacher": training.target}[folder](0)
    np.testing.assert_array_equal(now, fitted)
    np.testing.assert_array_equal(validation.target(0), kept)
    assert {file.name: file.stat().st_size for file in (decode.paths.cache / "frames").glob("*.u8")} == sizes


def test_a_new_frame_is_added_and_nothing_else_is_decoded(decode):
    decode(STEMS)
    added = decode.write("raw", "000003", seed=3)
    decode.write("teacher", "000003", seed=3)
    validation = decode([*STEMS, "000003"])["validation"]
    assert decode.decoded == ["raw/a/000003.png", "teacher/a/000003.png"]
    np.testing.assert_array_equal(validation.input(0), fit(added, geometry=decode.project.params.geometry))


def test_who_still_reads_the_old_frames_is_not_disturbed(decode):
    before = decode()
    pictures = [before["training"].target(0).copy(), before["validation"].input(0).copy()]
    decode.write("teacher", STEMS[0], seed=9)
    decode()
    decode(fit="stretch")
    np.testing.assert_array_equal(before["training"].target(0), pictures[0])
    np.testing.assert_array_equal(before["validation"].input(0), pictures[1])


def test_another_geometry_is_decoded_again(decode):
    assert decode()["training"].inputs.shape[1:] == (64, 80, 3)
    stretched = decode(fit="stretch")["training"]
    assert len(decode.decoded) == 4
    np.testing.assert_array_equal(
        stretched.input(0), fit(photo(60, 80, seed=0), geometry=decode.project.params.geometry)
    )


def test_what_a_kill_left_half_done_is_done_again(decode):
    expected = decode()["training"].target(0).copy()
    folder = decode.paths.cache / "frames"
    with (folder / "target.u8").open("ab") as store:
        store.write(b"half a frame")
    (folder / ".target.u8.part").write_bytes(b"half a move")
    added = decode.write("raw", "000003", seed=3), decode.write("teacher", "000003", seed=4)
    parts = decode([*STEMS, "000003"])
    np.testing.assert_array_equal(parts["training"].target(0), expected)
    np.testing.assert_array_equal(parts["validation"].target(0), added[1])
    (folder / "target.u8").write_bytes(b"short")
    np.testing.assert_array_equal(decode()["training"].target(0), expected)
    (folder / "target.json").write_text("no index")
    np.testing.assert_array_equal(decode()["training"].target(0), expected)


def test_a_frame_that_is_missing_or_of_another_size_is_named(decode):
    write_frame(decode.path("teacher", STEMS[1]), photo(64, 80))
    with pytest.raises(SharpcamError, match=r"000002.png has 80x64 pixels, not 160x128. Run the stage"):
        decode()
    decode.path("raw", STEMS[0]).unlink()
    with pytest.raises(SharpcamError, match=r"No frame at .*000000.png"):
        decode()
