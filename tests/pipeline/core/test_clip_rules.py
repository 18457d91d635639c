"""What can be a clip: one rule, and one clip that breaks it stops no stage."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from making import Project, make_clip, photo, tree

from pipeline.capture.stage import capture
from pipeline.core.clip_rules import check_clip, check_name, check_size
from pipeline.core.clips import find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import encode_frame, write_frame
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.core.split_file import read_split
from pipeline.forecast import make_forecast
from pipeline.split import split
from pipeline.teacher.stage import teacher

FRAMES = [photo(60, 80, seed=seed) for seed in range(3)]


@pytest.mark.parametrize("name", ["a", "desk", "Desk-1_b.c", "7", "x" * 64, "demonstration"])
def test_a_plain_name_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "_x", "__", "-x", ".x", "..", "a/b", "a b", "a\n", "ü", "x" * 65, "demo-77", "demo-"]
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(SharpcamError, match="cannot name a clip"):
        check_name(name)


@pytest.mark.parametrize("size", [(8, 6), (15, 4096), (16, 4097), (0, 0), (2**31, 2**31)])
def test_a_size_that_no_stage_can_work_with_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SharpcamError, match=r"pixels a side. Scale it"):
        check_size(size, "It")


def grey(clip: Path) -> None:
    cv2.imwrite(str(clip / "000001.png"), FRAMES[0][..., 0])


def deep(clip: Path) -> None:
    cv2.imwrite(str(clip / "000001.png"), FRAMES[0].astype(np.uint16))


def other_size(clip: Path) -> None:
    write_frame(clip / "000001.png", photo(30, 80))


def too_small(clip: Path) -> None:
    for frame in find_frames(clip):
        write_frame(frame, photo(6, 8))


def too_large(clip: Path) -> None:
    for frame in find_frames(clip):
        data = bytearray(encode_frame(FRAMES[0]))
        data[16:24] = (20_000).to_bytes(4, "big") * 2
        frame.write_bytes(data)


def flipped(clip: Path) -> None:
    data = bytearray((clip / "000002.png").read_bytes())
    data[len(data) // 2] ^= 1
    (clip / "000002.png").write_bytes(data)


def cut_off(clip: Path) -> None:
    (clip / "000000.png").write_bytes(encode_frame(FRAMES[0])[:-30])


def empty(clip: Path) -> None:
    for frame in find_frames(clip):
        frame.unlink()


def badly_named(clip: Path) -> None:
    clip.rename(clip.with_name("_ü x"))


FAULTS = {
    grey: "000001.png is grey",
    deep: "000001.png has 16 bits",
    other_size: "000001.png is 80x30, 000000.png beside it is 80x60",
    too_small: "000000.png is 8x6, and a frame of a clip has 16 to 4096 pixels a side",
    too_large: "000000.png has 400 megapixels, and 100 are allowed",
    flipped: "000002.png is a broken PNG file",
    cut_off: "000000.png is cut off",
    empty: "holds 0 frames",
    badly_named: "cannot name a clip",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_clip_with_a_fault_stops_no_stage_and_each_names_it(
    recorded: Project, fault: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(recorded.paths, "hand", FRAMES)
    fault(clip)
    before = tree(recorded.paths.raw)
    stages: list[Callable[[Paths, Params], object]] = [capture, teacher, split, make_forecast]
    for stage in stages:
        stage(recorded.paths, recorded.params)
        said = capsys.readouterr().out
        assert "is passed over" in said
        assert FAULTS[fault] in said
    assert tree(recorded.paths.raw) == before
    found = read_split(recorded.paths)
    assert (found.training | found.validation).keys() == {"demo-00", "demo-01", "demo-02"}


def test_a_clip_that_is_put_right_is_taken_again(recorded: Project) -> None:
    clip = make_clip(recorded.paths, "hand", FRAMES)
    flipped(clip)
    teacher(recorded.paths, recorded.params)
    write_frame(clip / "000002.png", FRAMES[2])
    teacher(recorded.paths, recorded.params)
    split(recorded.paths, recorded.params)
    found = read_split(recorded.paths)
    assert "hand" in found.training | found.validation


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_frames_put_into_data_raw_by_hand_need_no_note(recorded: Project, content: str | None) -> None:
    clip = make_clip(recorded.paths, "hand", FRAMES)
    (clip / "clip.json").unlink() if content is None else (clip / "clip.json").write_text(content)
    for stage in (capture, teacher, split):
        stage(recorded.paths, recorded.params)
    found = read_split(recorded.paths)
    assert "hand" in found.training | found.validation


def test_a_damaged_clip_of_the_demo_is_made_again(recorded: Project, recorded_once: Project) -> None:
    flipped(recorded.paths.raw / "demo-01")
    capture(recorded.paths, recorded.params)
    assert tree(recorded.paths.raw) == tree(recorded_once.paths.raw)


def test_where_no_clip_can_be_used_the_stage_says_why(recorded: Project) -> None:
    for name in ("demo-01", "demo-02"):
        shutil.rmtree(recorded.paths.raw / name)
    flipped(recorded.paths.raw / "demo-00")
    for stage in (teacher, split):
        with pytest.raises(SharpcamError, match=r"None of the 1 clips can be used. .*000002.png is a broken PNG"):
            stage(recorded.paths, recorded.params)


def test_a_clip_whose_chunks_claim_more_than_there_is_is_refused(tmp_path: Path) -> None:
    clip = tmp_path / "a"
    write_frame(clip / "000000.png", FRAMES[0])
    data = bytearray((clip / "000000.png").read_bytes())
    at = data.index(b"IDAT") - 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    (clip / "000000.png").write_bytes(data)
    with pytest.raises(SharpcamError, match="is a broken PNG file"):
        check_clip(clip)
