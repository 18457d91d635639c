"""Videos of every kind come out with the same times, sound, colours and turn."""

import re
import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from filmed import FRAMES, RATE, SOUND_HZ, TICKS, Dying, film, play
from making import make_video, photo

from pipeline.core.errors import SharpcamError
from pipeline.enhance.encoding import CODECS, Encoding
from pipeline.enhance.run import main
from pipeline.enhance.video import enhance_video, part_of
from pipeline.media.colours import colours_of
from pipeline.media.orientation import AS_STORED
from pipeline.media.video import check_end, look_at

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")
FAST = Encoding(preset="fast", quality=10)
FIRST = {".mp4": {"movflags": "+faststart"}, ".mkv": {}, ".webm": {}}  # so that a cut costs no index


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    """(seconds, bytes) of each packet of the streams of that kind."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in (container.demux(streams) if streams else [])
            if packet.size and packet.pts is not None
        ]


def times(path: Path) -> list[float]:
    return sorted(at for at, _ in packets(path, "video"))


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(("name", "sound"), [("a.mp4", "aac"), ("a.mkv", "libopus"), ("a.mp4", "")], ids=str)
def test_sound_is_copied_bit_for_bit_and_lies_where_it_was(name, sound, upscaler, tmp_path):
    source = film(tmp_path / name, sound=sound)
    target = tmp_path / f"made{source.suffix}"
    assert enhance_video(source, target, upscaler, FAST, segment_frames=5) == (FRAMES, (128, 96))
    heard, before = packets(target, "audio"), packets(source, "audio")
    assert [data for _, data in heard] == [data for _, data in before]
    assert bool(heard) == bool(sound)
    shift = times(target)[0] - times(source)[0]
    assert all(abs(a - b - shift) < 0.002 for (a, _), (b, _) in zip(heard, before, strict=True))
    assert len(pictures(target)) == FRAMES
    assert not part_of(target).exists()


def test_the_picture_is_the_students(upscaler, tmp_path):
    source = film(tmp_path / "a.mp4")
    enhance_video(source, tmp_path / "b.mkv", upscaler, Encoding(codec="ffv1"))
    for made, frame in zip(pictures(tmp_path / "b.mkv"), pictures(source), strict=True):
        assert np.abs(made.astype(int) - upscaler.enhance(frame)).max() <= 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_uneven_times_are_kept(suffix, upscaler, tmp_path):
    uneven = [0, 40, 50, 200, 210, 215, 500, 540, 580, 620, 1000, 1010]
    source = film(tmp_path / f"a{suffix}", pts=uneven, sound="aac")
    enhance_video(source, tmp_path / f"b{suffix}", upscaler, Encoding(preset="good"), segment_frames=4)
    found = times(tmp_path / f"b{suffix}")
    np.testing.assert_allclose(np.diff(found), np.diff(uneven) / TICKS, atol=0.0011)


@pytest.mark.parametrize("colours", [(1, 1), (1, 2), (6, 2), (9, 1)], ids=str)
def test_matrix_and_range_are_kept_and_the_colours_with_them(colours, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", colours=colours)
    enhance_video(source, tmp_path / "b.mp4", upscaler, FAST)
    before, made = look_at(source).colours, look_at(tmp_path / "b.mp4").colours
    assert (made.matrix, made.range) == colours
    assert made == before
    given, found = (np.mean(pictures(file), axis=(0, 1, 2)) for file in (source, tmp_path / "b.mp4"))
    reference = np.mean([upscaler.enhance(frame) for frame in pictures(source)], axis=(0, 1, 2))
    assert np.abs(found - reference).max() < 2, (given, found)


@pytest.mark.parametrize(
    ("colours", "expected"),
    [((1, 2), (1, 1, 1)), ((9, 2), (9, 9, 14)), ((5, 2), (5, 5, 6)), ((2, 2), (6, 6, 6)), ((1, 9), (1, 9, 1))],
)
def test_what_a_video_does_not_tell_of_its_colours_follows_its_matrix(colours, expected):
    frame = av.VideoFrame(64, 48, "yuv420p")
    frame.colorspace, frame.color_primaries, frame.color_trc = colours[0], colours[1], 2
    found = colours_of(frame)
    assert (found.matrix, found.primaries, found.transfer) == expected


def test_the_frames_of_a_recording_without_a_length_are_counted(tmp_path):
    """Browsers write such: nobody knew how long it would become."""
    whole = film(tmp_path / "whole.webm", sound="libopus", codec="libvpx-vp9")
    with (
        av.open(str(whole)) as given,
        av.open(str(tmp_path / "a.webm"), "w", container_options={"live": "1"}) as made,
    ):
        copies = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                made.mux(packet)
    with av.open(str(tmp_path / "a.webm")) as container:
        assert not container.duration
    assert look_at(tmp_path / "a.webm").frames == FRAMES


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_kept_and_fitted_videos_are_upright(rotation, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", rotation=rotation)
    enhance_video(source, tmp_path / "b.mp4", upscaler, FAST)
    assert look_at(source).matrix != AS_STORED
    assert look_at(tmp_path / "b.mp4").matrix == look_at(source).matrix
    _, size = enhance_video(source, tmp_path / "c.mp4", upscaler, FAST, as_shown=True)
    assert size == ((96, 128) if abs(rotation) == 90 else (128, 96))
    assert look_at(tmp_path / "c.mp4").matrix == AS_STORED


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_gives_every_frame(codec, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", sound="aac")
    enhance_video(source, tmp_path / "b.mkv", upscaler, Encoding(codec=codec, preset="fast"), segment_frames=5)
    made = pictures(tmp_path / "b.mkv")
    assert len(made) == FRAMES
    reference = upscaler.enhance(pictures(source)[0])
    assert np.abs(made[0].astype(int) - reference).mean() < 8
    np.testing.assert_allclose(times(tmp_path / "b.mkv"), times(source), atol=0.06)


def test_odd_sizes_are_doubled_too(upscaler, tmp_path):
    source = film(tmp_path / "a.mkv", size=(33, 17), codec="ffv1")
    assert enhance_video(source, tmp_path / "b.mp4", upscaler, FAST) == (FRAMES, (66, 34))


def test_subtitles_and_chapters_are_copied(upscaler, tmp_path):
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,300\nhello\n\n")
    source = tmp_path / "a.mkv"
    with (
        av.open(str(film(tmp_path / "plain.mkv"))) as video,
        av.open(str(tmp_path / "words.srt")) as words,
        av.open(str(source), "w") as both,
    ):
        copies = [both.add_stream("libx264", rate=RATE), both.add_stream_from_template(words.streams[0])]
        copies[0].width, copies[0].height = 64, 48
        both.set_chapters(
            [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "c"}}]
        )
        for frame in video.decode(video=0):
            both.mux(copies[0].encode(frame))
        both.mux(copies[0].encode())
        for packet in words.demux():
            if packet.pts is not None:
                packet.stream = copies[1]
                both.mux(packet)
    enhance_video(source, tmp_path / "b.mkv", upscaler, FAST)
    assert packets(tmp_path / "b.mkv", "subtitle") == packets(source, "subtitle")
    with av.open(str(tmp_path / "b.mkv")) as made:
        assert made.chapters()[0]["metadata"]["title"] == "c"
    with pytest.raises(SharpcamError, match=r'cannot hold this video.*End OUTPUT in "\.mkv"'):
        enhance_video(source, tmp_path / "b.webm", upscaler, Encoding(codec="vp9", preset="fast"))
    assert not (tmp_path / "b.webm").exists()
    assert not part_of(tmp_path / "b.webm").exists()  # said before the first frame


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_video_gives_a_sentence_and_no_file(suffix, upscaler, tmp_path):
    source = film(tmp_path / f"a{suffix}")
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    with pytest.raises(SharpcamError, match="is not a video that can be decoded"):
        enhance_video(source, tmp_path / f"b{suffix}", upscaler, FAST)
    assert not (tmp_path / f"b{suffix}").exists()


@pytest.mark.parametrize(("name", "sound"), [("a.mkv", "aac"), ("a.webm", "libopus"), ("a.mp4", "aac")])
def test_a_truncated_video_with_sound_is_refused_before_the_first_frame(name, sound, upscaler, tmp_path):
    """FFmpeg reads what is left of most of them as if nothing were missing."""
    codec = "libvpx-vp9" if name.endswith(".webm") else "libx264"
    whole = film(tmp_path / f"whole-{name}", sound=sound, codec=codec, pts=[40 * index for index in range(50)])
    source = tmp_path / name
    with av.open(str(whole)) as given, av.open(str(source), "w", container_options=FIRST[source.suffix]) as cut:
        copies = {stream.index: cut.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                cut.mux(packet)
    check_end(look_at(source))
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 7 // 10])
    with pytest.raises(SharpcamError, match="its end is missing"):
        enhance_video(source, tmp_path / "b.mkv", Dying(upscaler, 0), FAST)
    assert not part_of(tmp_path / "b.mkv").exists()


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
def test_the_shortest_videos_are_whole(suffix, frames, upscaler, tmp_path):
    source = make_video(tmp_path / f"a{suffix}", [photo(48, 64)] * frames, codec="mpeg4")
    assert enhance_video(source, tmp_path / "b.mkv", upscaler, FAST)[0] == frames


def test_a_video_that_was_cut_between_key_frames_keeps_its_sound_where_it_was(upscaler, tmp_path):
    """What comes before the first key frame is never shown."""
    whole = film(tmp_path / "whole.mp4", sound="aac", pts=[40 * index for index in range(50)])
    source = tmp_path / "a.mkv"
    with av.open(str(whole)) as given, av.open(str(source), "w") as cut:
        copies = {stream.index: cut.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.size and (packet.stream_index or packet.pts > 0):
                packet.stream = copies[packet.stream_index]
                cut.mux(packet)
    shown = sorted(frame.pts for frame in av.open(str(source)).decode(video=0))
    assert shown[0] > 200
    assert enhance_video(source, tmp_path / "b.mkv", upscaler, FAST)[0] == len(shown)
    heard, before = packets(tmp_path / "b.mkv", "audio"), packets(source, "audio")
    shift = times(tmp_path / "b.mkv")[0] - shown[0] / TICKS
    assert abs(heard[0][0] - before[0][0] - shift) < 0.002
    assert [data for _, data in heard] == [data for _, data in before]


def test_what_an_encoder_does_not_take_is_said_before_the_first_frame(upscaler, tmp_path):
    tiny = film(tmp_path / "a.mkv", size=(1, 1), codec="ffv1")
    with pytest.raises(SharpcamError, match=r"does not take 2x2 with crf \d+ .* Choose another --codec or --quality"):
        enhance_video(tiny, tmp_path / "b.mkv", upscaler, Encoding("h265", "fast"))
    assert enhance_video(tiny, tmp_path / "b.mkv", upscaler, FAST) == (FRAMES, (2, 2))


def test_no_quality_loss_can_be_asked_for():
    assert Encoding(quality=0).options["crf"] == "0"


def test_no_frames_no_video_and_no_container_are_sentences(upscaler, tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        play(container, container.add_stream("aac", rate=SOUND_HZ), seconds=0.2)
    with pytest.raises(SharpcamError, match="holds no video"):
        enhance_video(tmp_path / "a.mp4", tmp_path / "b.mp4", upscaler, FAST)
    (tmp_path / "c.mp4").write_bytes(b"no video")
    with pytest.raises(SharpcamError, match="is not a video that can be decoded"):
        enhance_video(tmp_path / "c.mp4", tmp_path / "b.mp4", upscaler, FAST)
    with pytest.raises(SharpcamError, match="names no video that is written"):
        enhance_video(film(tmp_path / "d.mp4"), tmp_path / "b.gif", upscaler, FAST)
    assert {file.name for file in tmp_path.iterdir()} == {"a.mp4", "c.mp4", "d.mp4"}


@pytest.mark.parametrize("limit", [6_000, 40_000])
def test_a_full_disk_leaves_no_half_video(limit, at_student, tmp_path):
    """Once while a segment is kept, once while the file is written."""
    source = film(tmp_path / "a.mp4", size=(160, 120), pts=[40 * index for index in range(20)])
    target = tmp_path / "out/b.mp4"
    words = [str(source), "-o", str(target), "--quality", "1", "--segment-frames", "1", *ENGINE]
    process = subprocess.run(
        [sys.executable, "-m", "pipeline.enhance", *words],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert re.search(rf"Could not write {target.parent}/\.?b\.mp4.*: a file may not grow that large", process.stderr)
    assert "Traceback" not in process.stderr
    assert not target.exists()
    assert [file.name for file in target.parent.iterdir() if file.is_file()] == []


def test_a_comparison_of_a_video_is_a_video_in_a_row(at_student, tmp_path):
    source = film(tmp_path / "a.mp4", sound="aac")
    call = [str(source), "-o", str(tmp_path / "b.mp4"), "--compare", "bicubic", "--preset", "fast", *ENGINE]
    assert main(call) == 0
    assert look_at(tmp_path / "b.mp4").size == (256, 96)
    assert f"student,{FRAMES}," in (tmp_path / "b.mp4.compare.csv").read_text()


def test_a_folder_takes_videos_beside_pictures(at_student, tmp_path):
    (tmp_path / "in").mkdir()
    film(tmp_path / "in/a.mp4", sound="aac")
    film(tmp_path / "in/b.avi")
    assert main([str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--preset", "fast", *ENGINE]) == 0
    assert len(pictures(tmp_path / "out/a.mp4")) == FRAMES
    assert len(pictures(tmp_path / "out/b.mkv")) == FRAMES  # in a container that is written


def test_a_webm_gets_the_codec_that_it_can_hold_unless_another_is_asked_for(at_student, tmp_path):
    source = film(tmp_path / "in/a.webm", sound="libopus", codec="libvpx-vp9")
    words = ["--preset", "fast", *ENGINE]
    assert main([str(source), "-o", str(tmp_path / "b.webm"), *words]) == 0
    assert main([str(tmp_path / "in"), "-o", str(tmp_path / "out"), *words]) == 0
    for made in (tmp_path / "b.webm", tmp_path / "out/a.webm"):
        assert len(pictures(made)) == FRAMES
        with av.open(str(made)) as container:
            assert container.streams.video[0].codec_context.name == "vp9"
    assert main([str(source), "-o", str(tmp_path / "c.webm"), "--codec", "h264", *words]) == 1
    assert main([str(source), "-o", str(tmp_path / "c.webm"), "--codec", "av1", *words]) == 0
