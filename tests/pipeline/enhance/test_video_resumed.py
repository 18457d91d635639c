"""A video whose run was broken off goes on where it was, and comes out as if nothing had been."""

from dataclasses import replace

import pytest
from filmed import FRAMES, Dying, film
from making import kill, until

from pipeline.enhance.comparison import compare
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.run import main
from pipeline.enhance.video import enhance_video, part_of
from pipeline.student import catalogue

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")
FAST = Encoding(preset="fast", quality=10)


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_a_broken_off_run_goes_on_at_its_last_segment(name, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", sound="aac")
    enhance_video(source, tmp_path / "whole" / name, upscaler, FAST, segment_frames=4)
    target = tmp_path / name
    with pytest.raises(MemoryError):
        enhance_video(source, target, Dying(upscaler, 9), FAST, segment_frames=4)
    assert not target.exists()
    rest = Dying(upscaler, 4)  # two segments of three are kept
    told: list[int] = []
    assert enhance_video(source, target, rest, FAST, segment_frames=4, advance=told.append)[0] == FRAMES
    assert told[0] == 8
    assert sum(told) == FRAMES
    assert target.read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_what_was_compared_before_a_break_counts_too(upscaler, tmp_path):
    source = film(tmp_path / "a.mp4")
    comparison = compare(upscaler, "bicubic", catalogue.find)

    def dying(picture):
        if len(broken.measured) == 9:
            raise MemoryError
        return comparison.other(picture)

    broken = replace(comparison, other=dying)
    with pytest.raises(MemoryError):
        enhance_video(source, tmp_path / "b.mp4", broken, FAST, segment_frames=4)
    again = comparison.anew()
    enhance_video(source, tmp_path / "b.mp4", again, FAST, segment_frames=4)
    assert again.measured[:8] == broken.measured[:8]
    assert len(again.measured) == FRAMES


def test_other_means_begin_anew(upscaler, tmp_path):
    source = film(tmp_path / "a.mp4")
    with pytest.raises(MemoryError):
        enhance_video(source, tmp_path / "b.mp4", Dying(upscaler, 9), FAST, segment_frames=4)
    told: list[int] = []
    other = replace(FAST, quality=30)
    enhance_video(source, tmp_path / "b.mp4", upscaler, other, segment_frames=4, advance=told.append)
    assert told[0] == 0


def test_a_killed_command_gives_the_file_of_an_unbroken_one(at_student, tmp_path):
    source = film(tmp_path / "a.mp4", sound="aac", size=(160, 120), pts=[40 * index for index in range(60)])
    words = [str(source), "--preset", "fast", "--segment-frames", "4", *ENGINE, "-o"]
    process = at_student.start("pipeline.enhance", *words, str(tmp_path / "b.mp4"))
    part = part_of(tmp_path / "b.mp4")
    until(lambda: process.poll() is not None or (part / "000001.json").exists())
    kill(process)
    assert not (tmp_path / "b.mp4").exists()
    kept = (part / "000000.packets").stat().st_mtime_ns
    words[5:5] = []
    assert main([*words, str(tmp_path / "c.mp4")]) == 0
    assert (part / "000000.packets").stat().st_mtime_ns == kept
    assert main([*[word for word in words if word not in ENGINE], str(tmp_path / "b.mp4")]) == 0  # remembers its engine
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()
    assert not part.exists()
