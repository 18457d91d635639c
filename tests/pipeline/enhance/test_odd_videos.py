"""Videos as they are found: mirrored, joined, damaged. What FFmpeg's own command shows is the right value."""

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from making import photo
from PIL import Image

from pipeline.core.errors import SharpcamError
from pipeline.enhance.encoding import Encoding, container_of
from pipeline.enhance.muxing import lost_beside
from pipeline.enhance.sizing import Sizing
from pipeline.enhance.video import enhance_video, part_of
from pipeline.media.decoding import Damage
from pipeline.media.glance import Glance
from pipeline.media.orientation import AS_STORED, upright
from pipeline.media.sources import Video
from pipeline.media.video import look_at

FAST = Encoding(preset="fast", quality=8)
ONE, FRAMES = 1 << 16, 50
WIDTH, HEIGHT = 64, 48
MATRICES = {
    "mirrored": (-ONE, 0, 0, 0, ONE, 0, WIDTH * ONE, 0, 1 << 30),
    "upside down": (ONE, 0, 0, 0, -ONE, 0, 0, HEIGHT * ONE, 1 << 30),
    "turned round": (-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    "quarter": (0, ONE, 0, -ONE, 0, 0, HEIGHT * ONE, 0, 1 << 30),
    "quarter back": (0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    "transposed": (0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    "transposed back": (0, -ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
}
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the command ffmpeg is the reference")


def film(path: Path, *, matrix=None, count: int = 4, sound: str = "", gop: int = 12) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"g": str(gop), "crf": "12"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if matrix:
            video.set_display_matrix(matrix)
        tone = container.add_stream(sound, rate=48_000) if sound else None
        for index in range(count):
            container.mux(video.encode(av.VideoFrame.from_ndarray(photo(HEIGHT, WIDTH, seed=index // 9))))
        container.mux(video.encode())
        for index in range(int(count / 25 * 48_000 / 1024) if tone else 0):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, 1024 * index
            container.mux(tone.encode(frame))
        container.mux(tone.encode() if tone else [])
    return path


def as_ffmpeg_shows(path: Path, size: tuple[int, int]) -> np.ndarray:
    """All frames, turned as FFmpeg's own command does, at a size."""
    words = ["ffmpeg", "-v", "quiet", "-i", str(path), "-vf", f"scale={size[0]}:{size[1]}:flags=area"]
    words += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run(words, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0], 3).astype(int)


@needs_ffmpeg
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_turned_and_mirrored_videos_are_shown_as_before(name, suffix, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", matrix=MATRICES[name])
    size = (HEIGHT, WIDTH) if MATRICES[name][0] == 0 else (WIDTH, HEIGHT)
    shown = as_ffmpeg_shows(source, size)
    np.testing.assert_allclose(list(Video(source).frames()), shown, atol=40)  # what capture records
    assert np.abs(np.array(list(Video(source).frames())) - shown).mean() < 4
    encoding = Encoding("vp9", "fast", 8) if suffix == ".webm" else FAST
    for as_shown in (False, True):
        made = tmp_path / f"{as_shown}{suffix}"
        enhance_video(source, made, upscaler, encoding, as_shown=as_shown)
        assert np.abs(as_ffmpeg_shows(made, size) - shown).mean() < 14
        matrix = look_at(made).matrix
        assert matrix[:6] == (AS_STORED if as_shown else MATRICES[name])[:6]
        if suffix == ".mp4" and not as_shown:  # what is moved, is moved by pixels, and there are twice as many
            assert matrix[6:8] == (2 * MATRICES[name][6], 2 * MATRICES[name][7])


@pytest.mark.parametrize("name", MATRICES)
def test_a_point_is_shown_where_the_matrix_sends_it(name):
    picture = np.arange(12).reshape(3, 4, 1)
    shown = upright(picture, MATRICES[name])
    a, b, _, c, d = (part // ONE for part in MATRICES[name][:5])
    places = {(a * x + c * y, b * x + d * y): picture[y, x, 0] for y in range(3) for x in range(4)}
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    assert all(shown[y - top, x - left, 0] == value for (x, y), value in places.items())


def seconds(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.size]


def joined(path: Path) -> Path:
    """A transport stream whose clock begins again in the middle, as two that were joined by cat."""
    parts = [film(path.with_name(f"{number}.ts"), count=FRAMES, sound="aac") for number in range(2)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_clock_that_begins_again_goes_on_where_it_ended(suffix, upscaler, tmp_path):
    source = joined(tmp_path / "a.ts")
    made = tmp_path / f"b{suffix}"
    assert enhance_video(source, made, upscaler, FAST, segment_frames=30)[0] == 2 * FRAMES
    shown, heard = sorted(seconds(made, "video")), seconds(made, "audio")
    assert 0.035 < min(np.diff(shown)) <= max(np.diff(shown)) < 0.2
    assert shown[-1] - shown[0] > 2 * FRAMES / 25 - 0.1
    assert 0.015 < min(np.diff(heard)) <= max(np.diff(heard)) < 0.2
    first, second = (shown[FRAMES * part] - heard[len(heard) // 2 * part] for part in (0, 1))
    assert abs(first - second) < 0.05  # they stay together


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_a_time_that_comes_twice_comes_a_tick_later(suffix, upscaler, tmp_path):
    plain, source = film(tmp_path / "plain.mkv", count=FRAMES, sound="aac"), tmp_path / "a.mkv"
    with av.open(str(plain)) as given, av.open(str(source), "w") as made:
        copies = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        number = before = 0
        for packet in given.demux():
            if packet.size:
                if packet.stream_index == 1:
                    number += 1
                    packet.pts = packet.dts = before if number == 40 else packet.pts
                    before = packet.pts
                packet.stream = copies[packet.stream_index]
                made.mux(packet)
    times = seconds(source, "audio")
    assert times[38] == times[39]
    made = tmp_path / f"b{suffix}"
    enhance_video(source, made, upscaler, FAST)
    found = seconds(made, "audio")
    assert len(found) == len(times)
    assert min(np.diff(found)) > 0
    np.testing.assert_allclose(found, times, atol=0.005)


def damaged(source: Path, numbers: list[int], *, kept: float = 0) -> Path:
    """The video with some of its packets, by their number in the file, filled with noise, but for a share that is kept.

    Of that, and of all, the first four bytes stay: they are a length.
    """
    data, random = bytearray(source.read_bytes()), np.random.default_rng(0)
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for number in numbers:
        at, end = packets[number].pos + 4, packets[number].pos + packets[number].size
        at += round(kept * (end - at))
        data[at:end] = random.bytes(end - at)
    source.write_bytes(data)
    return source


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_bad_packet_repeats_the_frame_before_and_is_counted(name, upscaler, tmp_path):
    source = damaged(film(tmp_path / name, count=FRAMES, sound="aac"), [20, 33])
    damage = Damage()
    made = tmp_path / f"b{source.suffix}"
    assert enhance_video(source, made, upscaler, FAST, damage=damage, segment_frames=11)[0] == FRAMES
    assert damage.lost == 2
    np.testing.assert_allclose(np.diff(sorted(seconds(made, "video"))), 0.04, atol=0.002)
    recorded = Video(source)
    assert len(list(recorded.frames())) == FRAMES
    assert recorded.about()["lost_frames"] == 2


def test_a_frame_that_the_decoder_conceals_is_shown_and_counted(upscaler, tmp_path):
    whole = film(tmp_path / "whole.mp4", count=FRAMES)
    source = tmp_path / "a.mp4"
    shutil.copyfile(whole, source)
    damaged(source, [18], kept=0.5)
    damage = Damage()
    assert enhance_video(source, tmp_path / "b.mp4", upscaler, FAST, damage=damage)[0] == FRAMES
    assert (damage.lost, damage.concealed) == (0, 1)
    assert str(damage) == "1 damaged frame is shown as far as decoded"
    recorded = Video(source)
    frames = [np.array(list(video.frames())).astype(int) for video in (recorded, Video(whole))]
    assert recorded.about()["concealed_frames"] == 1
    wrong = np.abs(frames[0] - frames[1]).mean(axis=(1, 2, 3)) > 0
    assert 1 <= sum(wrong) < FRAMES / 2  # it is shown as decoded, and so are those that are built on it


def test_concealed_frames_count_where_too_much_is_damaged(upscaler, tmp_path):
    source = damaged(film(tmp_path / "a.mp4", count=FRAMES, gop=1), list(range(10, 20)), kept=0.5)
    with pytest.raises(SharpcamError, match="6 of its 50 frames could not be decoded, or not whole, so far"):
        enhance_video(source, tmp_path / "b.mp4", upscaler, FAST)


def test_frames_that_are_built_on_a_lost_one_repeat_the_frame_before(tmp_path):
    """H.265 goes on at the next key frame, and says of none of the frames up to there that it leaves them out."""
    with av.open(str(tmp_path / "a.mp4"), "w") as made:
        options = {"x265-params": "keyint=12:min-keyint=12:scenecut=0:bframes=0:log-level=none"}
        stream = made.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(120):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(photo(HEIGHT, WIDTH, seed=index // 4))))
        made.mux(stream.encode())
    source = Video(damaged(tmp_path / "a.mp4", [28]))
    assert len(list(source.frames())) == 120
    assert 6 <= source.damage.frames <= 36 - 28


def test_a_video_of_which_too_much_is_lost_is_refused_and_leaves_nothing(upscaler, tmp_path):
    source = damaged(film(tmp_path / "a.mp4", count=FRAMES, gop=1), list(range(10, 20)))
    for way in (
        lambda: enhance_video(source, tmp_path / "b.mp4", upscaler, FAST),
        lambda: list(Video(source).frames()),
    ):
        with pytest.raises(SharpcamError, match="6 of its 50 frames could not be decoded, or not whole, so far"):
            way()
    assert not (tmp_path / "b.mp4").exists()


def test_what_nothing_holds_is_said_before_the_work_and_the_advice_works(upscaler, tmp_path):
    """Raw PCM of a broadcast goes into .mov and .mkv, not into .webm."""
    with_sound = film(tmp_path / "b.mov", sound="pcm_s16le")
    with pytest.raises(SharpcamError, match=r'A webm file cannot hold this video .* End OUTPUT in "\.mkv"\.'):
        enhance_video(with_sound, tmp_path / "c.webm", upscaler, Encoding("vp9", "fast"))
    assert not part_of(tmp_path / "c.webm").exists()
    assert enhance_video(with_sound, tmp_path / "c.mkv", upscaler, FAST)[0] == 4


def test_frames_whose_times_are_those_of_their_packets_take_them_in_order(upscaler, tmp_path):
    """As in recordings whose writer knew nothing of frames that are coded out of order."""
    plain = film(tmp_path / "plain.mp4", count=24)
    source = tmp_path / "a.mp4"
    with av.open(str(plain)) as given, av.open(str(source), "w") as made:
        copy = made.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(packet for packet in given.demux(video=0) if packet.size):
            packet.pts = packet.dts = number * 512
            packet.time_base, packet.stream = Fraction(1, 12_800), copy
            made.mux(packet)
    enhance_video(source, tmp_path / "b.mp4", upscaler, FAST)
    np.testing.assert_allclose(np.diff(sorted(seconds(tmp_path / "b.mp4", "video"))), 0.04, atol=0.002)


def cover_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        covers = [stream for stream in container.streams if stream.type == "video"][1:]
        return [bytes(packet) for packet in (container.demux(covers) if covers else []) if packet.size]


def test_a_cover_is_kept_or_named(upscaler, tmp_path):
    source, jpeg = tmp_path / "a.mp4", BytesIO()
    Image.fromarray(photo(32, 32)).save(jpeg, format="JPEG")
    plain = film(tmp_path / "plain.mp4")
    with av.open(str(plain)) as given, av.open(str(source), "w") as made:
        video, cover = made.add_stream_from_template(given.streams.video[0]), made.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 32, 32, "yuvj420p", Disposition.attached_pic
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = video
                made.mux(packet)
        picture = av.Packet(jpeg.getvalue())
        picture.stream, picture.pts, picture.dts = cover, 0, 0
        made.mux(picture)
    assert cover_of(source) == [jpeg.getvalue()]
    for name in ("b.mp4", "b.mkv"):
        enhance_video(source, tmp_path / name, upscaler, FAST)
        assert cover_of(tmp_path / name) == [jpeg.getvalue()]
        assert lost_beside(look_at(source), container_of(tmp_path / name)) == []
    for name, encoding in (("b.webm", Encoding("vp9", "fast")), ("b.mov", FAST)):
        enhance_video(source, tmp_path / name, upscaler, encoding)
        assert cover_of(tmp_path / name) == []
        assert lost_beside(look_at(source), container_of(tmp_path / name)) == ["a cover"]


def test_transparency_and_other_tracks_are_named(tmp_path):
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as made:
        streams = [made.add_stream("ffv1", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgra"
        for stream in streams:
            made.mux(stream.encode(av.VideoFrame(WIDTH, HEIGHT, "bgra")))
            made.mux(stream.encode())
    assert lost_beside(look_at(source), "matroska") == ["its transparency", "another track (number 1, video)"]


def test_the_timecode_and_the_name_of_a_video_are_kept(upscaler, tmp_path):
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as made:
        stream = made.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.metadata.update({"timecode": "01:02:03:04", "language": "fra"})
        made.mux(stream.encode(av.VideoFrame(WIDTH, HEIGHT, "yuv420p")))
        made.mux(stream.encode())
    enhance_video(source, tmp_path / "b.mov", upscaler, FAST)
    with av.open(str(tmp_path / "b.mov")) as made:
        assert made.streams.video[0].metadata["language"] == "fra"
        assert [stream.metadata["timecode"] for stream in made.streams if stream.type == "data"] == ["01:02:03:04"]
    assert lost_beside(look_at(source), "mov") == []


def reordered(source: Path, target: Path, order: list[int]) -> Path:
    """The same streams in another order, and a font behind them."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        copies = {index: made.add_stream_from_template(given.streams[index]) for index in order}
        made.add_attachment("Own.ttf", "font/ttf", bytes(range(256)))
        for packet in given.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                made.mux(packet)
    return target


@pytest.mark.parametrize("order", [[0, 1], [1, 0]], ids=["picture first", "sound first"])
def test_the_last_frames_are_there_whatever_lies_beside_the_picture(order, upscaler, tmp_path):
    """Codecs hold frames back until they are told of the end, which comes once a stream."""
    source = reordered(film(tmp_path / "a.mkv", count=FRAMES, sound="aac"), tmp_path / "b.mkv", order)
    assert len(list(Video(source).frames())) == FRAMES
    assert enhance_video(source, tmp_path / "c.mkv", upscaler, FAST)[0] == FRAMES
    with av.open(str(tmp_path / "c.mkv")) as made:
        assert [stream.data for stream in made.streams if stream.type == "attachment"] == [bytes(range(256))]


def test_a_video_without_an_index_is_read_from_its_start(upscaler, tmp_path):
    """As FLV is, in which nothing can be looked for."""
    with av.open(str(tmp_path / "a.flv"), "w") as made:
        stream = made.add_stream("flv", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(photo(HEIGHT, WIDTH, seed=index // 9))))
        made.mux(stream.encode())
    assert 12 <= len(list(Glance(look_at(tmp_path / "a.flv")))) <= 24


@pytest.mark.parametrize(("sizing", "size"), [(Sizing(1), (64, 48)), (Sizing(1, (160, 120)), (160, 120))], ids=str)
def test_a_video_gets_the_size_that_is_asked_for(sizing, size, upscaler, tmp_path):
    source = film(tmp_path / "a.mp4", count=8)
    sized = replace(upscaler, sizing=sizing)
    assert enhance_video(source, tmp_path / "b.mp4", sized, FAST) == (8, size)
    for made, frame in zip(Video(tmp_path / "b.mp4").frames(), Video(source).frames(), strict=True):
        doubled = cv2.resize(upscaler.enhance(frame), size, interpolation=cv2.INTER_AREA if size[0] == 64 else 2)
        assert np.abs(made.astype(int) - doubled).mean() < 5


def test_a_size_of_another_shape_and_an_odd_one_are_said_before_the_work(upscaler, tmp_path):
    source = film(tmp_path / "a.mp4")
    with pytest.raises(SharpcamError, match=r"another shape than 100x100.*--size 100x75 or 133x100"):
        enhance_video(source, tmp_path / "b.mp4", replace(upscaler, sizing=Sizing(1, (100, 100))), FAST)
    with pytest.raises(SharpcamError, match=r"does not take 100x75 .*or even sides"):
        enhance_video(source, tmp_path / "b.mp4", replace(upscaler, sizing=Sizing(1, (100, 75))), FAST)
    assert not part_of(tmp_path / "b.mp4").exists()


def combed(frames) -> float:
    """How far rows lie from the mean of those next to them: what two moments in one frame raise."""
    grey = np.array([frame.astype(int).mean(axis=2) for frame in frames])
    return float(np.abs(grey[:, 1:-1] - (grey[:, :-2] + grey[:, 2:]) / 2).mean())


def test_an_interlaced_film_is_deinterlaced_unless_it_is_to_stay(upscaler, tmp_path):
    """A square that moves between the two fields of each frame."""
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        options = {"crf": "8", "flags": "+ildct+ilme", "x264-params": "tff=1"}
        video = container.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt = 96, 96, "yuv420p"
        for index in range(12):
            fields = [np.zeros((96, 96, 3), np.uint8) for _ in range(2)]
            for half, field in enumerate(fields):
                left = 6 * (2 * index + half) % 60
                field[30:60, left : left + 30] = 200
            fields[0][1::2] = fields[1][1::2]
            frame = av.VideoFrame.from_ndarray(fields[0]).reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    assert look_at(source).interlaced
    for keep in (False, True):
        made = tmp_path / f"{keep}.mkv"
        assert enhance_video(source, made, upscaler, FAST, keep_interlaced=keep, segment_frames=5)[0] == 12
    size = (96, 96)
    kept, clean, given = (
        combed([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in Video(file).frames()])
        for file in (tmp_path / "True.mkv", tmp_path / "False.mkv", source)
    )
    assert clean < 0.4 * given
    assert kept > 0.6 * given
    ours, theirs = (sorted(seconds(file, "video")) for file in (tmp_path / "False.mkv", source))
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), atol=0.002)
