"""What files and cameras are set to: read from them, held, told, and taken over where that is asked for."""

import csv
import time
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from making import Project, make_video, photo, until

from pipeline.core.errors import SharpcamError
from pipeline.core.params import load_params
from pipeline.enhance import following, video
from pipeline.enhance.camera.watch import watch
from pipeline.enhance.comparison import compare
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.following import Following
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.read import read_picture
from pipeline.enhance.images.write import write_picture
from pipeline.enhance.names import REPORT
from pipeline.enhance.run import main
from pipeline.enhance.segments import known_identity
from pipeline.enhance.upscaler import OVERLAP_PX, Upscaler, load_upscaler
from pipeline.enhance.video import enhance_video, part_of
from pipeline.media.glance import Glance
from pipeline.media.video import look_at
from pipeline.student.dials import Dials, describe

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")
SETTING = Dials(0.9, 0.6, 0.1, 0.3)
SIZE = (96, 128)


@pytest.fixture(scope="module")
def upscaler(dialled_once) -> Upscaler:
    return load_upscaler(dialled_once, engine="onnxruntime-fp32", threads=1)


@pytest.fixture(scope="module")
def old(exported_once) -> Upscaler:
    """A student of format 1."""
    return load_upscaler(exported_once, engine="onnxruntime-fp32", threads=1)


@pytest.fixture(autouse=True)
def _here(begun_once: Project, monkeypatch):
    monkeypatch.chdir(begun_once.root)


def dark(picture: np.ndarray) -> np.ndarray:
    """A picture that the estimator of the tests tells from another, by its brightness."""
    return (picture // 3).astype(np.uint8)


def enhance(*words: str | Path, model: Path) -> int:
    return main([*map(str, words), "--model", str(model), "--preset", "fast", *ENGINE])


# An upscaler.


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_strength_0_is_opencvs_bicubic_and_runs_no_network(upscaler, kind):
    class Never:
        def enhance(self, frame, out=None):
            raise AssertionError("the network was run")

    picture = photo(61, 83).astype(kind) * (np.iinfo(kind).max // 255)
    broken = replace(upscaler, student=replace(upscaler.student, running=Never(), estimator=Never()))
    expected = cv2.resize(picture, (2 * 83, 2 * 61), interpolation=cv2.INTER_CUBIC)
    still = broken.with_strength(0).seen([picture])
    np.testing.assert_array_equal(still.enhance(picture), expected)
    assert still.dials is None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("tiled", [False, True])
def test_strength_a_half_is_the_mean_of_both(upscaler, old, kind, tiled):
    picture = photo(200, 310).astype(kind) * (np.iinfo(kind).max // 255)
    for each in (upscaler, old):
        parts = replace(each, whole_px=0, tile_px=4 * OVERLAP_PX) if tiled else each
        ends = [parts.with_strength(strength).enhance(picture).astype(float) for strength in (0, 1)]
        half = parts.with_strength(0.5).enhance(picture)
        assert half.dtype == kind
        assert np.abs(half - sum(ends) / 2).max() <= 1
        assert np.abs(ends[0] - ends[1]).mean() > 1


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_a_sentence(upscaler, strength):
    with pytest.raises(SharpcamError, match=r"The strength goes from 0 to 1, and .* was asked for\. Choose"):
        upscaler.with_strength(strength)


def test_16_bits_go_through_the_same_setting_as_8(upscaler, dialled_once):
    picture = photo(60, 80)
    for engine in ("onnxruntime-fp32", "openvino-int8"):
        by = load_upscaler(dialled_once, engine=engine, threads=1).with_dials(SETTING)
        deep = by.enhance(picture.astype(np.uint16) * 257)
        assert np.abs(deep / 257 - upscaler.with_dials(SETTING).enhance(picture)).max() <= 0.51  # rounding


def test_what_is_seen_sets_the_dials_but_for_those_that_were_asked_for(upscaler):
    picture = photo(*SIZE)
    seen = upscaler.seen([picture])
    assert seen.dials == upscaler.student.estimate([picture]) != upscaler.dials
    taken_over = upscaler.with_fixed(noise=0.9, blur=0.05).seen([picture])
    assert taken_over.dials == seen.dials._replace(noise=0.9, blur=0.05)
    assert np.abs(taken_over.enhance(picture).astype(int) - seen.enhance(picture)).mean() > 0.5


def test_whatever_decides_about_the_picture_is_in_its_identity(upscaler, dialled):
    others = [
        upscaler,
        upscaler.with_dials(SETTING),
        upscaler.with_strength(0.5),
        upscaler.with_strength(0),
        upscaler.with_fixed(noise=upscaler.dials.noise),
        replace(upscaler, student=replace(upscaler.student, contract=upscaler.student.contract | {"estimator": {}})),
    ]
    identities = [str(each.identity) for each in others]
    assert len(set(identities)) == len(others)


def test_a_student_of_format_1_takes_a_strength_and_no_dials(old):
    picture = photo(*SIZE)
    assert old.seen([picture]) is old
    assert (old.dials, old.identity["dials"]) == (None, None)
    with pytest.raises(SharpcamError, match="This student has no dials"):
        old.with_fixed(noise=0.5)


def test_tiles_are_of_one_setting(upscaler):
    picture = np.vstack([photo(256, 300), dark(photo(256, 300))])
    seen = upscaler.seen([picture])
    whole = seen.enhance(picture)
    tiled = replace(seen, whole_px=0, tile_px=4 * OVERLAP_PX).enhance(picture)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_both_students_of_a_comparison_are_set_to_what_they_see(upscaler, dialled_once):
    from pipeline.student.catalogue import Model

    both = compare(upscaler, "other", lambda name: Model(name, name, dialled_once))
    seen = both.seen([photo(*SIZE)])
    assert seen.other.dials == seen.student.dials == seen.dials != upscaler.dials
    assert seen.identity != both.identity
    seen.enhance(photo(*SIZE))
    assert seen.measured[0]["student"]["psnr"] == 100
    assert seen.measured is both.measured  # of the same file


# A video.


def film(path: Path, levels: list[int], *, key_every: int = 12) -> Path:
    """A video whose frames have these mean levels, with a key frame now and then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": str(key_every), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for level in levels:
            frame = np.full((64, 64, 3), level - 10, np.uint8)
            frame[::4] = level + 30
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
@pytest.mark.parametrize(("count", "key_every"), [(1, 12), (10, 12), (100, 250), (3000, 12), (3000, 250)])
def test_a_glance_is_spread_over_the_whole_video_and_always_the_same(name, count, key_every, tmp_path):
    source = film(tmp_path / name, [30 + 180 * index // count for index in range(count)], key_every=key_every)
    glance = Glance(look_at(source))
    means = [frame.mean() for frame in glance]
    only_keys = name == "a.ts" and count > 2400  # FFmpeg seeks there to what can be decoded only from the next one on
    assert len(means) == (count // key_every - 1 if only_keys and key_every == 250 else min(count, 24))
    assert means == [frame.mean() for frame in glance]
    if count > 1:
        assert means[0] < 30 + 180 / 4
        assert means[-1] > 30 + 180 * 3 / 4


def test_a_long_video_is_not_decoded_as_a_whole(tmp_path, monkeypatch):
    source = film(tmp_path / "a.mp4", [100] * 2500)
    decoded = []
    monkeypatch.setattr("pipeline.media.glance._near", lambda frames, _: decoded.append(1) or next(frames))
    assert len(list(Glance(look_at(source)))) == len(decoded) == 24


def test_a_video_is_held_at_what_it_is_as_a_whole(upscaler, dialled_once, tmp_path, capsys):
    source = film(tmp_path / "a.mp4", [40] * 20 + [200] * 20)
    assert enhance(source, "-o", tmp_path / "b.mkv", "--codec", "ffv1", model=dialled_once) == 0
    seen = upscaler.seen(Glance(look_at(source)))
    assert f"camera: {describe(seen.dials)}\n" in capsys.readouterr().out
    with av.open(str(source)) as given, av.open(str(tmp_path / "b.mkv")) as made:
        for one, other in zip(given.decode(video=0), made.decode(video=0), strict=True):
            expected = seen.enhance(one.to_ndarray(format="rgb24")).astype(int)
            assert np.abs(expected - other.to_ndarray(format="rgb24")).max() <= 2


@pytest.mark.parametrize("level", [10, 245])
def test_a_black_and_a_white_video_are_neutral(upscaler, dialled_once, level, tmp_path):
    flat = [np.full((64, 64, 3), 0 if level == 10 else 255, np.uint8)] * 5
    source = make_video(tmp_path / "a.mkv", flat)
    assert upscaler.seen(Glance(look_at(source))).dials == upscaler.dials
    assert enhance(source, "-o", tmp_path / "b.mkv", model=dialled_once) == 0


def test_a_killed_video_goes_on_at_the_same_setting_to_the_same_bytes(upscaler, tmp_path, monkeypatch):
    source, fast = film(tmp_path / "a.mp4", list(range(40, 80))), Encoding(preset="fast")
    seen = upscaler.seen(Glance(look_at(source)))
    enhance_video(source, tmp_path / "unbroken.mp4", seen, fast, segment_frames=10)

    def killed(several, *arguments, **known):
        if len(list((part_of(tmp_path / "b.mp4")).glob("*.packets"))) == 2:
            raise KeyboardInterrupt
        return encode(several, *arguments, **known)

    encode = video.encode
    with monkeypatch.context() as patch:
        patch.setattr(video, "encode", killed)
        with pytest.raises(KeyboardInterrupt):
            enhance_video(source, tmp_path / "b.mp4", seen, fast, segment_frames=10)
    assert known_identity(part_of(tmp_path / "b.mp4"))["enhancer"]["dials"] == list(seen.dials)
    again = upscaler.seen(Glance(look_at(source)))
    enhance_video(source, tmp_path / "b.mp4", again, fast, segment_frames=10)
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "unbroken.mp4").read_bytes()


# The command.


def test_the_command_says_what_a_picture_is_and_takes_what_is_asked_for(upscaler, dialled_once, tmp_path, capsys):
    write_picture(tmp_path / "a.png", Picture(photo(*SIZE)))
    seen = upscaler.seen([photo(*SIZE)])
    assert enhance(tmp_path / "a.png", "-o", tmp_path / "b.png", model=dialled_once) == 0
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png").colour, seen.enhance(photo(*SIZE)))
    assert f"(blur {seen.dials.blur:.2f}, noise {seen.dials.noise:.2f}, " in capsys.readouterr().out
    asked = ("--denoise", "0.9", "--sharpen", "0", "--strength", "0.5")
    assert enhance(tmp_path / "a.png", "-o", tmp_path / "c.png", *asked, model=dialled_once) == 0
    assert "(blur 0.00, noise 0.90, " in capsys.readouterr().out
    fixed = upscaler.with_fixed(noise=0.9, blur=0).with_strength(0.5).seen([photo(*SIZE)])
    np.testing.assert_array_equal(read_picture(tmp_path / "c.png").colour, fixed.enhance(photo(*SIZE)))
    assert enhance(tmp_path / "a.png", "-o", tmp_path / "d.png", "--strength", "0", model=dialled_once) == 0
    assert "camera:" not in capsys.readouterr().out


def test_each_file_of_a_folder_has_its_own_dials_which_are_told(upscaler, dialled_once, tmp_path, capsys):
    pictures = {"a.png": photo(*SIZE), "b.png": dark(photo(*SIZE)), "small.png": photo(20, 30)}
    for name, picture in pictures.items():
        write_picture(tmp_path / "in" / name, Picture(picture))
    film(tmp_path / "in/c.mp4", [90] * 5)
    call = (tmp_path / "in", "-o", tmp_path / "out")
    assert enhance(*call, model=dialled_once) == 0
    assert "camera of half of them: " in capsys.readouterr().out
    with (tmp_path / "out" / REPORT).open(newline="") as table:
        rows = {row["file"]: row for row in csv.DictReader(table)}
    for name, picture in pictures.items():
        dials = upscaler.seen([picture]).dials
        assert [float(rows[name][dial]) for dial in Dials._fields] == list(dials)
        np.testing.assert_array_equal(
            read_picture(tmp_path / "out" / name).colour, upscaler.with_dials(dials).enhance(picture)
        )
    assert float(rows["c.mp4"]["noise"]) > 0
    assert rows["a.png"]["noise"] != rows["b.png"]["noise"]
    assert [float(rows["small.png"][dial]) for dial in Dials._fields] == list(upscaler.dials)
    assert enhance(*call, model=dialled_once) == 0
    assert "0 enhanced, 4 finished before" in capsys.readouterr().out
    assert enhance(*call, "--denoise", "0.5", model=dialled_once) == 0
    assert "4 enhanced, 0 finished before" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--denoise", "--sharpen", "--strength"])
@pytest.mark.parametrize("value", ["-0.1", "1.01", "much", "nan"])
def test_what_is_not_a_number_from_0_to_1_is_a_sentence(option, value, capsys):
    with pytest.raises(SystemExit):
        main(["a.png", "-o", "b.png", f"{option}={value}"])
    assert f"argument {option}: {value} is not a number from 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--denoise", "--sharpen"])
def test_dials_of_a_student_that_has_none_are_a_sentence(option, exported_once, tmp_path, capsys):
    write_picture(tmp_path / "a.png", Picture(photo(*SIZE)))
    assert enhance(tmp_path / "a.png", "-o", tmp_path / "b.png", option, "0.5", model=exported_once) == 1
    assert "This student has no dials: it was made before there were any." in capsys.readouterr().err
    assert enhance(tmp_path / "a.png", "-o", tmp_path / "b.png", "--strength", "0.5", model=exported_once) == 0
    assert "camera:" not in capsys.readouterr().out


def test_a_frame_of_noise_is_a_picture(dialled_once, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)
    write_picture(tmp_path / "a.png", Picture(noise))
    assert enhance(tmp_path / "a.png", "-o", tmp_path / "b.png", model=dialled_once) == 0
    assert read_picture(tmp_path / "b.png").size == (240, 200)


# A camera.


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(following, "LOOK_S", 0.0)


def test_a_camera_is_read_until_it_is_known_and_then_held(upscaler, soon):
    with Following(upscaler) as follows:
        shown = [follows.enhance(photo(*SIZE))]
        until(lambda: (follows.enhance(photo(*SIZE)), follows._calm == following.CALM)[1])
        follows.enhance(photo(*SIZE))
        held = follows.upscaler.dials
        assert follows.found == held
        assert max(abs(a - b) for a, b in zip(held, upscaler.dials, strict=True)) > following.MOVED
        np.testing.assert_array_equal(shown[0], upscaler.enhance(photo(*SIZE)))  # nobody waited for the first look
        np.testing.assert_array_equal(follows.enhance(photo(*SIZE)), upscaler.with_dials(held).enhance(photo(*SIZE)))
        for _ in range(5):
            follows.enhance(dark(photo(*SIZE)))
        assert follows.upscaler.dials == held


def test_a_camera_that_shows_nothing_yet_is_waited_for(upscaler, soon):
    black = np.zeros((*SIZE, 3), np.uint8)
    with Following(upscaler) as follows:
        for _ in range(20):
            follows.enhance(black)
            time.sleep(0.005)
        assert follows.found is None
        assert follows.upscaler.dials == upscaler.dials
        until(lambda: (follows.enhance(photo(*SIZE)), follows.found)[1])


def test_dials_that_were_asked_for_stay_in_a_cameras_view(upscaler, soon):
    with Following(upscaler.with_fixed(noise=1.0)) as follows:
        until(lambda: (follows.enhance(photo(*SIZE)), follows.found)[1])
        assert follows.found.noise == 1.0
        assert follows.found.blur != upscaler.dials.blur


@pytest.mark.parametrize("strength", [0, 1])
def test_a_student_without_dials_or_strength_reads_nothing(upscaler, old, strength, soon):
    each = upscaler.with_strength(0) if strength == 0 else old
    with Following(each) as follows:
        for _ in range(3):
            follows.enhance(photo(*SIZE))
        assert follows.found is None
        assert follows.upscaler is each


def test_a_view_says_what_its_camera_is(upscaler, soon, tmp_path, capsys):
    camera = make_video(tmp_path / "camera.avi", [photo(64, 64, seed=seed) for seed in range(8)], codec="mpeg4")
    asked = load_params(Path("params.yaml")).capture.camera
    watch(str(camera), asked, upscaler, Encoding(preset="fast"), output=tmp_path / "a.mp4", seconds=3)
    said = capsys.readouterr().out
    assert "camera: " in said
    assert "frames shown" in said
