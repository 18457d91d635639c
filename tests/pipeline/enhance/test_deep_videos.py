"""Videos of more than 8 bits keep them, and how bright they are meant; where one of both is lost, it is said."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.enhance.comparison import compare
from pipeline.enhance.encoding import CODECS, Encoding
from pipeline.enhance.run import main
from pipeline.enhance.video import enhance_video
from pipeline.media.light import Light, Screen
from pipeline.media.sources import Video
from pipeline.media.video import look_at
from pipeline.student import catalogue

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")
WIDTH, HEIGHT, FRAMES = 128, 96, 6
POINTS = [(34_000, 16_000), (13_250, 34_500), (7_500, 3_000), (15_635, 16_450)]  # red, green, blue, white
SCREEN = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
LIGHT = Light(
    Screen(
        tuple((Fraction(x, 50_000), Fraction(y, 50_000)) for x, y in POINTS),
        darkest=Fraction(50, 10_000),
        brightest=Fraction(1000),
    ),
    (1000, 400),
)
BT2020, PQ = 9, 16


def slope(number: int = 0) -> np.ndarray:
    """A picture (h, w, 3) uint16 whose levels in 10 bits rise by one from column to column."""
    levels = (300 + np.arange(WIDTH) + number) * (65535 / 1023)
    return np.repeat(np.rint(np.tile(levels, (HEIGHT, 1)))[..., None], 3, axis=2).astype(np.uint16)


def film(path: Path, *, pixels: str = "yuv420p10le", codec: str = "libx265", told: str = "") -> Path:
    options = {"libx265": {"crf": "4", "x265-params": f"log-level=error{told}"}}.get(codec, {})
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixels
        context = video.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = BT2020, 1, BT2020, PQ
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(slope(40 * number), format="rgb48le")
            frame = frame.reformat(format=pixels, dst_colorspace=BT2020, dst_color_range=1)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def luma(path: Path) -> np.ndarray:
    """The luma of all frames, (n, h, w), as the codec holds it."""
    with av.open(str(path)) as container:
        return np.array([frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)])


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_ten_bits_stay_ten_bits_and_keep_their_light(codec, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", told=f":master-display={SCREEN}:max-cll=1000,400")
    assert look_at(source).colours.light == LIGHT
    made = tmp_path / "b.mkv"
    enhance_video(source, made, upscaler.streaming(1), Encoding(codec, "fast", 4), segment_frames=4)
    given, found = look_at(source).colours, look_at(made).colours
    assert found[:5] == given[:5] == (BT2020, 1, BT2020, PQ, 10)
    for ours, theirs in zip(found.light.screen.points, LIGHT.screen.points, strict=True):
        np.testing.assert_allclose([float(each) for each in ours], [float(each) for each in theirs], atol=2e-5)
    assert found.light.content == LIGHT.content
    assert (float(found.light.screen.brightest), float(found.light.screen.darkest)) == pytest.approx((1000, 0.005), 0.2)
    levels = luma(made)[0, HEIGHT, 40:-40]
    assert len(np.unique(levels)) > 0.6 * np.ptp(levels)  # a picture of 8 bits has a fourth of them


def test_the_picture_is_the_students_in_16_bits_also_after_a_break(upscaler, tmp_path):
    source = film(tmp_path / "a.mkv", pixels="gbrp16le", codec="ffv1")
    for name, frames in (("b.mkv", 250), ("c.mkv", 2)):
        enhance_video(source, tmp_path / name, upscaler, Encoding("ffv1"), segment_frames=frames)
        with av.open(str(tmp_path / name)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                expected = upscaler.enhance(slope(40 * number))
                assert np.abs(frame.to_ndarray(format="rgb48le").astype(int) - expected).max() <= 1


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_light_that_another_codec_rounded_is_told_in_whole_units(codec, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", told=f":master-display={SCREEN}:max-cll=1000,400")
    enhance_video(source, tmp_path / "b.mkv", upscaler, Encoding("av1", "fast"))
    assert look_at(tmp_path / "b.mkv").colours.light.screen != LIGHT.screen  # it counts in parts of 65536
    enhance_video(tmp_path / "b.mkv", tmp_path / "c.mkv", upscaler, Encoding(codec, "fast"))
    found = look_at(tmp_path / "c.mkv").colours.light
    assert found.content == LIGHT.content
    assert float(found.screen.points[0][0]) == pytest.approx(0.68, abs=1e-4)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is the reference")
def test_without_a_codec_it_becomes_what_players_take(at_student, tmp_path, capsys):
    source = film(tmp_path / "a.mp4", told=f":master-display={SCREEN}:max-cll=1000,400")
    for suffix, codec in ((".mp4", "hevc"), (".webm", "av1")):
        made = tmp_path / f"b{suffix}"
        assert main([str(source), "-o", str(made), "--preset", "fast", *ENGINE]) == 0
        assert "left out" not in capsys.readouterr().out
        words = ["ffprobe", "-v", "error", "-show_frames", "-show_streams", "-read_intervals", "%+#1", str(made)]
        told = subprocess.run(words, capture_output=True, check=True, text=True).stdout.splitlines()
        wanted = {f"codec_name={codec}", "pix_fmt=yuv420p10le", "color_transfer=smpte2084", "max_content=1000"}
        assert wanted <= set(told)
        assert codec == "av1" or "codec_tag_string=hvc1" in told


def test_what_does_not_keep_them_says_so(at_student, tmp_path, capsys):
    source = film(tmp_path / "a.mp4", told=f":master-display={SCREEN}:max-cll=1000,400")
    assert main([str(source), "-o", str(tmp_path / "b.webm"), "--codec", "vp9", "--preset", "fast", *ENGINE]) == 0
    assert "left out: 2 of its 10 bits a colour, how bright it is meant (HDR)" in capsys.readouterr().out
    found = look_at(tmp_path / "b.webm").colours
    assert (found.bits, found.transfer) == (8, PQ)
    assert main([str(source), "-o", str(tmp_path / "b.mp4"), "--compare", "bicubic", "--preset", "fast", *ENGINE]) == 0
    assert "left out: 2 of its 10 bits a colour" in capsys.readouterr().out


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "vp9"])
def test_every_deep_codec_takes_frames_of_twelve_bits(codec, upscaler, tmp_path):
    source = film(tmp_path / "a.mkv", pixels="yuv444p12le", codec="ffv1")
    enhance_video(source, tmp_path / "b.mkv", upscaler, Encoding(codec, "fast"))
    assert look_at(tmp_path / "b.mkv").colours.bits == (16 if codec == "ffv1" else 10)


def test_a_comparison_of_a_deep_film_has_8_bits(upscaler, tmp_path):
    source = film(tmp_path / "a.mkv", pixels="gbrp16le", codec="ffv1")
    enhance_video(source, tmp_path / "b.mkv", compare(upscaler, "bicubic", catalogue.find), Encoding("ffv1"))
    assert look_at(tmp_path / "b.mkv").colours.bits == 8


def test_a_recording_of_a_deep_film_says_that_it_has_8_bits(tmp_path):
    source = Video(film(tmp_path / "a.mkv", pixels="yuv420p10le", codec="ffv1"))
    assert {frame.dtype for frame in source.frames()} == {np.dtype(np.uint8)}
    assert source.note == "its 10 bits a colour are rounded to the 8 that frames have"
