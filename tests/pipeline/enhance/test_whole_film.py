"""A film with all that films have, killed twice on its way, against its source, as FFmpeg's own tools see both."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making import kill, until

from pipeline.enhance.video import part_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ffprobe") is None, reason="the commands ffmpeg and ffprobe are the reference"),
]
HOUR = pytest.mark.timeout(3600)
LENGTHS = [(60, "160x120"), pytest.param(600, "64x48", marks=[pytest.mark.thorough, HOUR])]  # seconds, and the size
SEGMENT_FRAMES = 100
LANGUAGES = {"eng": "Original", "fra": "Doublage"}
FONT = bytes(range(256)) * 40


def film(path: Path, *, seconds: int, size: str) -> Path:
    """Uneven times, two languages of sound and of subtitles, chapters and a font."""
    folder = path.parent
    for number, language in enumerate(LANGUAGES):
        lines = [
            f"{index + 1}\n{clock(3 * index + number)} --> {clock(3 * index + number + 1)}\n{language} {index}\n"
            for index in range(seconds // 3)
        ]
        (folder / f"{language}.srt").write_text("\n".join(lines), encoding="utf-8")
    chapters = [
        f"[CHAPTER]\nTIMEBASE=1/1\nSTART={begin}\nEND={min(begin + 20, seconds)}\ntitle=Part {begin // 20}\n"
        for begin in range(0, seconds, 20)
    ]
    (folder / "told.txt").write_text(";FFMETADATA1\ntitle=A film\n" + "".join(chapters), encoding="utf-8")
    (folder / "Own.ttf").write_bytes(FONT)
    inputs = [f"testsrc2=size={size}:rate=30:duration={seconds}", f"sine=300:duration={seconds}"]
    words = ["ffmpeg", "-v", "error", "-y", *(word for each in inputs for word in ("-f", "lavfi", "-i", each))]
    words += ["-f", "lavfi", "-i", f"sine=500:duration={seconds}"]
    words += [word for name in ("eng.srt", "fra.srt", "told.txt") for word in ("-i", str(folder / name))]
    words += [word for stream in range(5) for word in ("-map", str(stream))]
    words += ["-vf", "select='gt(random(1),0.3)'", "-fps_mode", "vfr", "-c:v", "libx264", "-preset", "veryfast"]
    words += ["-c:a:0", "aac", "-c:a:1", "libopus", "-c:s:0", "srt", "-c:s:1", "ass", "-map_metadata", "5"]
    for number, (language, title) in enumerate(LANGUAGES.items()):
        for kind in "as":
            words += [f"-metadata:s:{kind}:{number}", f"language={language}"]
            words += [f"-metadata:s:{kind}:{number}", f"title={title}"]
    words += ["-attach", str(folder / "Own.ttf"), "-metadata:s:t", "mimetype=font/ttf", "-shortest", str(path)]
    subprocess.run(words, check=True)
    return path


def clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},000"


def told(path: Path) -> dict[str, Any]:
    """What ffprobe says of a file."""
    words = ["ffprobe", "-v", "error", "-of", "json", "-show_data_hash", "md5", "-show_streams", "-show_chapters"]
    words += ["-show_format", "-show_packets", str(path)]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)


def packets_of(content: dict[str, Any], stream: dict[str, Any]) -> list[tuple[float, str]]:
    return [
        (float(each["pts_time"]), each["data_hash"])
        for each in content["packets"]
        if each["stream_index"] == stream["index"]
    ]


def about(stream: dict[str, Any]) -> tuple[Any, ...]:
    tags = {name.lower(): value for name, value in stream.get("tags", {}).items()}
    kept = tuple(tags.get(name) for name in ("language", "title", "filename", "mimetype"))
    extra = stream.get("extradata_hash") if stream["codec_type"] == "attachment" else None
    return stream["codec_type"], stream.get("codec_name") if stream["codec_type"] != "video" else "", *kept, extra


def compare(source: Path, made: Path) -> None:
    """Stream by stream: all but the picture has the same packets, and the picture the same times."""
    ours, theirs = told(made), told(source)
    assert [about(stream) for stream in ours["streams"]] == [about(stream) for stream in theirs["streams"]]
    kinds = [stream["codec_type"] for stream in theirs["streams"]]
    assert kinds == ["video", "audio", "audio", "subtitle", "subtitle", "attachment"]
    for mine, other in zip(ours["streams"], theirs["streams"], strict=True):
        given, found = packets_of(theirs, other), packets_of(ours, mine)
        if mine["codec_type"] == "video":
            given, found = sorted(given), sorted(found)
            assert (mine["width"], mine["height"]) == (2 * other["width"], 2 * other["height"])
        else:
            assert [data for _, data in found] == [data for _, data in given]
        np.testing.assert_allclose([at for at, _ in found], [at for at, _ in given], atol=0.0011)
    chapters = ([(part["tags"], part["start_time"]) for part in each["chapters"]] for each in (ours, theirs))
    assert next(chapters) == next(chapters)
    assert ours["format"]["tags"]["title"] == theirs["format"]["tags"]["title"]
    assert abs(float(ours["format"]["duration"]) - float(theirs["format"]["duration"])) < 0.1


def enhance(source: Path, target: Path, *options: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "pipeline.enhance", str(source), "-o", str(target), "--preset", "fast", *options]
    words += ["--model", "bundled:student_s", "--engine", "onnxruntime-fp32", "--threads", "1"]
    words += ["--segment-frames", str(SEGMENT_FRAMES)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize(("seconds", "size"), LENGTHS)
def test_a_film_that_was_killed_twice_has_all_that_its_source_has(seconds, size, tmp_path):
    source, target = film(tmp_path / "a.mkv", seconds=seconds, size=size), tmp_path / "b.mkv"
    for finished in (3, 7):
        running = enhance(source, target)
        until(lambda finished=finished: len([*part_of(target).glob("*.packets")]) > finished)
        kill(running)
        assert not target.exists()
    assert enhance(source, target).wait() == 0
    compare(source, target)
    whole = tmp_path / "whole.mkv"
    assert enhance(source, whole).wait() == 0
    assert target.read_bytes() == whole.read_bytes()
