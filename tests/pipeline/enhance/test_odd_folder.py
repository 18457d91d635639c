"""A folder of files of all kinds in one call: each is in the report once, read or named with what helps."""

import csv
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from making import photo
from PIL import Image

from pipeline.core.errors import SharpcamError
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.run import main
from pipeline.enhance.sound import recoded_of
from pipeline.enhance.video import enhance_video, part_of

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")
FAST = Encoding(preset="fast", quality=8)
FILMS = {  # by name: container, codec of the picture and of the sound
    "a.wmv": ("asf", "wmv2", "wmav2"),
    "b.3gp": ("3gp", "mpeg4", "aac"),
    "c.flv": ("flv", "flv", "adpcm_swf"),
    "d.m2ts": ("mpegts", "libx264", "ac3"),
    "e.mpg": ("vob", "mpeg2video", "mp2"),
    "f.mxf": ("mxf", "mpeg2video", "pcm_s16le"),
    "g.avi": ("avi", "mjpeg", "adpcm_ima_wav"),
    "h.m2t": ("mpegts", "mpeg2video", "mp2"),
}
SOUND_HZ = {"adpcm_swf": 22_050, "pcm_s16le": 48_000}
COUNT, SECONDS = 6, 2  # frames, and of sound


def film(path: Path, container: str, codec: str, sound: str) -> Path:
    rate = SOUND_HZ.get(sound, 44_100)
    with av.open(str(path), "w", format=container) as made:
        video, tone = made.add_stream(codec, rate=25), made.add_stream(sound, rate=rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.bit_rate, tone.bit_rate, tone.codec_context.layout = 400_000, 128_000, "mono"
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(photo(48, 64, seed=index // 3)).reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            made.mux(video.encode(frame))
        made.mux(video.encode())
        wave = (8000 * np.sin(np.arange(SECONDS * rate) / 9)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        made.mux(tone.encode(frame))
        made.mux(tone.encode())
    return path


def heard(path: Path) -> np.ndarray:
    """All of the sound, as FFmpeg's own decoder gives it, int16."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("s16", "mono", stream.codec_context.sample_rate)
        parts = [part.to_ndarray()[0] for frame in container.decode(stream) for part in resampler.resample(frame)]
        return np.concatenate([*parts, *(part.to_ndarray()[0] for part in resampler.resample(None))]).astype(int)


@pytest.mark.parametrize("name", ["a.wmv", "c.flv", "g.avi"])
def test_sound_that_is_not_taken_as_it_is_keeps_every_sample(name, upscaler, tmp_path):
    source, made = film(tmp_path / name, *FILMS[name]), tmp_path / "made.mkv"
    enhance_video(source, made, upscaler, FAST)
    given, found = heard(source), heard(made)
    assert len(given) == len(found) > 40_000
    assert np.abs(given - found).max() <= 1
    assert recoded_of(source, made) == f"its sound is decoded and kept as FLAC ({FILMS[name][2]} before)"


def test_where_it_is_not_kept_the_container_that_keeps_it_is_named(upscaler, tmp_path):
    with pytest.raises(SharpcamError, match=r'A webm file cannot hold this video .* End OUTPUT in "\.mkv"\.'):
        enhance_video(film(tmp_path / "a.wmv", *FILMS["a.wmv"]), tmp_path / "b.webm", upscaler, Encoding("vp9", "fast"))
    assert not part_of(tmp_path / "b.webm").exists()


def test_every_file_of_a_folder_is_in_the_report_once(at_student, tmp_path, capsys):
    folder = tmp_path / "given"
    (folder / "inner").mkdir(parents=True)
    for name, kinds in FILMS.items():
        film(folder / name, *kinds)
    picture, other = (Image.fromarray(photo(24, 32, seed=seed)) for seed in (0, 3))
    for name in ("still.gif", "still.avif", "still.bmp", "still.jp2", "inner/UPPER.JPG"):
        picture.save(folder / name)
    for name in ("moves.gif", "moves.webp", "moves.png", "moves.apng", "moves.avif"):
        picture.save(
            folder / name, save_all=True, append_images=[other], format=name[6:].upper().replace("APNG", "PNG")
        )
    for name in ("a.heic", "a.cr2", "a.mjpeg", "a.nut", "notes.txt", ".hidden.jpg", "noname", "empty.mp4"):
        (folder / name).write_bytes(b"")
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    assert main([str(folder), "-o", str(tmp_path / "out"), "--preset", "fast", *ENGINE]) == 1
    capsys.readouterr()
    with (tmp_path / "out/enhance.csv").open(encoding="utf-8") as table:
        rows = {row["file"]: row for row in csv.DictReader(table)}
    assert sorted(rows) == sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir())
    states = {name: row["status"] for name, row in rows.items()}
    assert {name for name in rows if states[name] == "done"} == {
        *FILMS,
        *("still.gif", "still.avif", "still.bmp", "still.jp2", "inner/UPPER.JPG"),
    }
    assert {name for name in rows if states[name] == "left out"} == {"notes.txt", ".hidden.jpg", "noname", "gone.jpg"}
    for name in ("moves.gif", "moves.webp", "moves.png", "moves.apng", "moves.avif"):
        assert "holds 2 pictures (an animation)" in rows[name]["problem"]
    for name, command in (
        ("a.heic", "heif-convert"),
        ("a.cr2", "darktable"),
        ("a.mjpeg", "ffmpeg"),
        ("a.nut", "ffmpeg"),
    ):
        assert f"Convert it, for example with: {command}" in rows[name]["problem"]
    for name in FILMS:
        with av.open(str(tmp_path / "out" / rows[name]["made"])) as made:
            assert len(list(made.decode(video=0))) == COUNT
            assert len(made.streams.audio) == 1
