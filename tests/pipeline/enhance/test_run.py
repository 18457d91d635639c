"""The command on pictures and folders: what is asked for is there whole, and no input is ever touched."""

import csv
import os
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from making import PATIENCE_S, Project, kill, make_video, photo, tree, until
from PIL import Image

from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.read import picture_size, read_picture
from pipeline.enhance.images.write import write_picture
from pipeline.enhance.names import MANIFEST, REPORT
from pipeline.enhance.run import main

ENGINE = ("--engine", "onnxruntime-fp32", "--threads", "1")


@pytest.fixture(scope="module")
def at_student(trained_once: Project):
    """The working folder is a project that has a student."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained_once.root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained_once.root / 'mlflow.db'}")
        yield trained_once


@pytest.fixture(autouse=True)
def _here(at_student):
    pass


def picture(path: Path, *, size=(20, 30), seed: int = 0) -> Path:
    write_picture(path, Picture(photo(*size, seed=seed)))
    return path


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / REPORT).open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_a_picture_is_doubled_and_keeps_what_its_file_tells(tmp_path, capsys):
    alpha = photo(20, 30)[..., 0]
    told = Image.Exif()
    told[0x0112], told[0x010F] = 6, "Maker"
    write_picture(tmp_path / "a.png", Picture(photo(20, 30), alpha, exif=told.tobytes()))
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.tiff"), *ENGINE]) == 0
    made = read_picture(tmp_path / "b.tiff")
    assert made.size == (60, 40)
    assert made.alpha.shape == (40, 60)
    assert np.abs(made.alpha[::2, ::2].astype(int) - alpha).mean() < 20
    found = Image.Exif()
    found.load(made.exif)
    assert (found[0x0112], found[0x010F]) == (6, "Maker")
    assert "60x40" in capsys.readouterr().out


def test_a_fitted_picture_is_upright_and_of_the_target_geometry(tmp_path):
    told = Image.Exif()
    told[0x0112] = 8
    write_picture(tmp_path / "a.png", Picture(photo(60, 50), exif=told.tobytes()))
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--fit", *ENGINE]) == 0
    assert read_picture(tmp_path / "b.png").size == (160, 128)


def test_a_grey_and_a_deep_picture_stay_what_they_are(tmp_path):
    grey = np.repeat(photo(20, 30)[..., :1], 3, axis=2)
    write_picture(tmp_path / "a.png", Picture(grey.astype(np.uint16) * 257, grey=True))
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), *ENGINE]) == 0
    made = read_picture(tmp_path / "b.png")
    assert made.grey
    assert made.colour.dtype == np.uint16


def test_inputs_and_outputs_that_exist_are_not_overwritten(tmp_path, capsys):
    file = picture(tmp_path / "a.png")
    before = file.read_bytes()
    for target in (file, tmp_path):
        assert main([str(file), "-o", str(target), *ENGINE]) == 1
        assert "no input is ever overwritten" in capsys.readouterr().err
    other = picture(tmp_path / "b.png", seed=1)
    assert main([str(file), "-o", str(other), *ENGINE]) == 1
    assert "exists already. Add --overwrite" in capsys.readouterr().err
    assert main([str(file), "-o", str(other), "--overwrite", *ENGINE]) == 0
    assert read_picture(other).size == (60, 40)
    assert file.read_bytes() == before


def test_into_a_folder_a_file_is_named_as_among_others(tmp_path):
    """An .avi is read and not written, whether it comes alone or not."""
    (tmp_path / "out").mkdir()
    make_video(tmp_path / "a.avi", [photo(20, 30)])
    assert main([str(tmp_path / "a.avi"), "-o", str(tmp_path / "out"), "--preset", "fast", *ENGINE]) == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_link_to_an_input_is_an_input(link, tmp_path, capsys):
    file = picture(tmp_path / "a.png")
    getattr(tmp_path / "b.png", link)(file)
    assert main([str(file), "-o", str(tmp_path / "b.png"), "--overwrite", *ENGINE]) == 1
    assert "no input is ever overwritten" in capsys.readouterr().err
    assert (tmp_path / "b.png").samefile(file)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["no.png", "-o", "x.png"], "There is no no.png"),
        (["params.yaml", "-o", "x.png"], "is no picture that can be read"),
        (["{picture}", "-o", "x.bmp"], "names no format that is written"),
        (["{picture}"], "Missing -o OUTPUT"),
        (["{picture}", "-o", "x.png", "--model", "unknown"], 'no model "unknown"'),
        (["{picture}", "-o", "x.png", "--engine", "unknown"], 'no engine "unknown"'),
        (["{picture}", "-o", "x.png", "--codec", "unknown"], 'no codec "unknown"; there are: h264'),
        (["{picture}", "-o", "x.png", "--preset", "unknown"], 'no preset "unknown"; there are: fast'),
        (["{picture}", "-o", "x.png", "--megapixels", "0.0001"], "raise --megapixels"),
        (["{picture}", "-o", "{picture}/a.png"], "OUTPUT cannot be at"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(given, words, tmp_path, capsys):
    file = picture(tmp_path / "a.png")
    out = tmp_path / "out"
    out.mkdir()
    arguments = [str(out / word) if word.startswith("x.") else word.format(picture=file) for word in given]
    assert main(arguments + list(ENGINE if "--engine" not in given else ())) == 1
    assert words in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_a_named_int8_file_runs_in_an_int8_engine_or_is_refused(at_student, tmp_path, capsys):
    file, int8 = picture(tmp_path / "a.png"), at_student.paths.contract.with_name("student_sr_int8.onnx")
    call = [str(file), "-o", str(tmp_path / "b.png"), "--model", str(int8)]
    assert main([*call, *ENGINE]) == 1
    assert 'is an int8 file, and the engine "onnxruntime-fp32" would run the float one' in capsys.readouterr().err
    assert main(call) == 0
    assert "engine: onnxruntime-int8" in capsys.readouterr().out
    assert main([*call, "--overwrite", "--compare", str(at_student.paths.student_onnx)]) == 0
    with (tmp_path / "b.png.compare.csv").open(newline="") as table:
        found = {row["method"]: row for row in csv.DictReader(table)}
    assert float(found["student"]["psnr"]) < 99  # the float file is another


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with pictures in a tree, a broken one, and a text."""
    folder = tmp_path / "album"
    for index, name in enumerate(("a.png", "deep/down/b.jpg", "deep/c.webp", "d.tif")):
        picture(folder / name, size=(20 + index, 30), seed=index)
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_keeps_its_tree_and_its_broken_files_come_at_the_end(album, tmp_path, capsys):
    before = tree(album)
    out = tmp_path / "out"
    assert main([str(album), "-o", str(out), "--jobs", "2", *ENGINE]) == 1
    said = capsys.readouterr()
    assert "4 enhanced, 0 finished before, 1 failed" in said.out
    assert "1 of 5 files failed" in said.err
    assert "broken.png" in said.err
    found = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert found == {"a.png", "deep/down/b.jpg", "deep/c.webp", "d.tif", MANIFEST, REPORT}
    assert read_picture(out / "deep/down/b.jpg").size == (60, 42)
    assert tree(album) == before
    assert rows(out)["notes.txt"]["status"] == "left out"
    assert "1 left out, no pictures or videos: notes.txt" in said.out
    row = rows(out)["deep/c.webp"]
    assert row["made"] == "deep/c.webp"
    assert (row["status"], row["enhanced_width"], row["enhanced_height"]) == ("done", "60", "44")
    assert float(row["seconds"]) > 0
    assert int(row["enhanced_bytes"]) == (out / "deep/c.webp").stat().st_size


PICTURE_KINDS = ("bmp", "dib", "gif", "avif", "jp2", "ppm", "tga", "jfif", "jpe", "png")
VIDEO_KINDS = {"3gp": "mpeg4", "ogv": "libvpx", "flv": "flv", "wmv": "wmv2"} | dict.fromkeys(
    ("m2ts", "mpg", "mxf", "vob"), "mpeg2video"
)
MOVING = ("moving.gif", "moving.webp", "moving.png")
TO_CONVERT = {
    "a.heic": "heif-convert a.heic a.png",
    "b.CR2": "darktable-cli b.CR2 b.tif",
    "e.rm": "ffmpeg -i e.rm e.mkv",
}
OTHERS = (".DS_Store", "a.xmp", "gone.png", "no suffix", "notes.txt")


def odd_folder(folder: Path) -> Path:
    """Files of all kinds, and some of none."""
    folder.mkdir()
    shown, *others = (Image.fromarray(photo(20, 30, seed=seed)) for seed in range(3))
    for kind in PICTURE_KINDS:
        shown.save(folder / f"{kind}.{kind}", format={"jpe": "JPEG", "jfif": "JPEG"}.get(kind))
    for kind, codec in VIDEO_KINDS.items():
        make_video(folder / f"v-{kind}.{kind}", [photo(144, 176)] * 2, codec=codec)
    for name in MOVING:
        shown.save(folder / name, save_all=True, append_images=others)
    for name in (*TO_CONVERT, *OTHERS):
        (folder / name).write_bytes(b"something")
    (folder / "gone.png").unlink()
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    return folder


def test_every_file_of_a_folder_is_in_the_report_once(tmp_path, capsys):
    """What is read is enhanced, what is another kind of picture or video says how to convert it, the rest is named."""
    given, out = odd_folder(tmp_path / "in"), tmp_path / "out"
    assert main([str(given), "-o", str(out), "--preset", "fast", *ENGINE]) == 1
    found, said = rows(out), capsys.readouterr()
    assert set(found) == {file.name for file in given.iterdir()}
    states = {name: row["status"] for name, row in found.items()}
    done = {f"{kind}.{kind}" for kind in PICTURE_KINDS} | {f"v-{kind}.{kind}" for kind in VIDEO_KINDS}
    assert {name for name, state in states.items() if state == "done"} == done
    assert {name for name, state in states.items() if state == "failed"} == {*MOVING, *TO_CONVERT}
    assert {name for name, state in states.items() if state == "left out"} == set(OTHERS)
    assert all(found[name]["problem"].endswith(command) for name, command in TO_CONVERT.items())
    assert all("holds 3 pictures (an animation)" in found[name]["problem"] for name in MOVING)
    assert all(found[name]["problem"] for name in OTHERS)
    assert f"5 left out, no pictures or videos: {', '.join(OTHERS)}" in said.out
    assert "6 of 24 files failed" in said.err


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_every_kind_of_picture_that_is_read_shows_what_it_showed(kind, tmp_path):
    shown = Image.fromarray(photo(20, 30))
    shown.save(tmp_path / f"a.{kind}", format={"jpe": "JPEG", "jfif": "JPEG"}.get(kind))
    (tmp_path / "out").mkdir()
    assert main([str(tmp_path / f"a.{kind}"), "-o", str(tmp_path / "out"), *ENGINE]) == 0
    (made,) = (tmp_path / "out").iterdir()
    assert made.suffix == (f".{kind}" if kind in ("jfif", "jpe") else ".png")
    with Image.open(made) as enhanced:
        back = np.asarray(enhanced.convert("RGB").resize((30, 20), Image.Resampling.BOX)).astype(int)
    assert np.abs(back - np.asarray(shown)).mean() < 20


def test_a_single_file_that_is_not_read_says_how_to_convert_it(tmp_path, capsys):
    (tmp_path / "a.heic").write_bytes(b"something")
    assert main([str(tmp_path / "a.heic"), "-o", str(tmp_path / "b.png"), *ENGINE]) == 1
    assert ".heic is not read. Convert it, for example with: heif-convert a.heic a.png" in capsys.readouterr().err


def test_two_videos_that_would_get_one_name_keep_their_own(tmp_path):
    given = tmp_path / "in"
    for name in ("clip.avi", "clip.ts", "clip.mkv", "Alone.avi"):
        make_video(given / name, [photo(48, 64)], codec="mpeg2video")
    picture(given / "clip.png")
    Image.fromarray(photo(20, 30)).save(given / "clip.bmp")
    assert main([str(given), "-o", str(tmp_path / "out"), "--preset", "fast", *ENGINE]) == 0
    made = {name: row["made"] for name, row in rows(tmp_path / "out").items()}
    assert made.pop("Alone.avi") == "Alone.mkv"
    assert made.pop("clip.avi") == "clip.avi.mkv"
    assert made.pop("clip.ts") == "clip.ts.mkv"
    assert made.pop("clip.bmp") == "clip.bmp.png"
    assert made == {"clip.mkv": "clip.mkv", "clip.png": "clip.png"}
    assert all((tmp_path / "out" / row["made"]).is_file() for row in rows(tmp_path / "out").values())


@pytest.mark.parametrize("name", ["12:30:45.mp4", "Movie: part 1.mp4", "file:a.mkv", "concat:a.mkv", "data:,a.mp4"])
def test_a_name_that_reads_like_a_protocol_is_a_file_on_both_sides(name, tmp_path, monkeypatch, at_student):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "in" / "a.mkv", [photo(48, 64)])
    source = (tmp_path / "in" / "a.mkv").rename(tmp_path / name)
    model = ["--model", str(at_student.paths.student_onnx), "--preset", "fast", *ENGINE]
    assert main([name, "-o", f"made {name}", *model]) == 0
    assert main([source.name, "-o", f"to:{name}", *model]) == 0
    assert (tmp_path / f"made {name}").read_bytes() == (tmp_path / f"to:{name}").read_bytes()


def test_no_dark_ring_comes_around_what_lies_on_nothing(tmp_path):
    """White on transparent black, as it is exported: on white it must not be seen."""
    y, x = np.mgrid[:64, :64]
    alpha = (255 * np.clip(20 - np.hypot(x - 32, y - 32), 0, 1)).astype(np.uint8)
    colour = np.where(alpha[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    write_picture(tmp_path / "a.png", Picture(colour, alpha))
    assert main([str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), *ENGINE]) == 0
    with Image.open(tmp_path / "b.png") as made:
        shown = Image.new("RGBA", made.size, (255,) * 4)
        shown.alpha_composite(made)
    assert np.asarray(shown).min() > 245


@pytest.mark.parametrize(("words", "size"), [(["--scale", "1"], (30, 20)), (["--size", "90x60"], (90, 60))])
def test_a_picture_gets_the_size_that_is_asked_for(words, size, tmp_path, capsys):
    alpha = photo(20, 30)[..., 0]
    write_picture(tmp_path / "a.png", Picture(photo(20, 30), alpha))
    call = [str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), *words, *ENGINE]
    assert main(call) == 0
    made = read_picture(tmp_path / "b.png")
    assert (made.size, made.alpha.shape[::-1]) == (size, size)
    back = np.asarray(Image.fromarray(made.colour).resize((30, 20), Image.Resampling.BOX)).astype(int)
    assert np.abs(back - Picture(photo(20, 30), alpha).spread().colour).mean() < 15
    assert main([*call, "--overwrite", "--compare", "bicubic"]) == 0
    assert read_picture(tmp_path / "b.png").size == (2 * size[0], size[1])
    assert main([*call, "--overwrite", "--fit"]) == 1
    assert "ask for several sizes" in capsys.readouterr().err


def test_what_libraries_say_is_shown_where_it_is_asked_for(tmp_path):
    """libtiff, in OpenCV, tells of a tag that it does not know."""
    write_picture(tmp_path / "a.tif", Picture(photo(20, 30).astype(np.uint16) * 257))
    entry, other = (struct.pack("<HHIHH", tag, 3, 1, 1, 0) for tag in (284, 65_000))
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes().replace(entry, other))
    said = []
    for words in ([], ["--library-lines"]):
        call = [str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif"), "--overwrite", *words, *ENGINE]
        made = subprocess.run([sys.executable, "-m", "pipeline.enhance", *call], capture_output=True, text=True)
        assert made.returncode == 0
        said.append("65000" in made.stderr)
        assert "enhance:" in made.stderr
    assert said == [False, True]


def test_one_odd_file_does_not_end_the_others(album, tmp_path, capsys, monkeypatch):
    """Names of any bytes and of the full length, and what a library fails at as nobody foresaw."""
    (album / os.fsdecode(b"\xff.png")).write_bytes((album / "a.png").read_bytes())
    (album / f"{251 * 'n'}.png").write_bytes((album / "a.png").read_bytes())
    (album / "broken.png").unlink()

    def failing(path, **known):
        if path.name in unforeseen:
            raise unforeseen[path.name]
        return read_picture(path, **known)

    unforeseen = {"d.tif": MemoryError(), "b.jpg": ZeroDivisionError("by itself")}
    monkeypatch.setattr("pipeline.enhance.work.read_picture", failing)
    assert main([str(album), "-o", str(tmp_path / "out"), *ENGINE]) == 1
    said = capsys.readouterr()
    assert "4 enhanced, 0 finished before, 2 failed" in said.out
    for words in ("not enough memory", "ZeroDivisionError: by itself"):
        assert words in said.err
    assert b"\xff.png,done" in (tmp_path / "out" / REPORT).read_bytes()


def test_ctrl_c_ends_a_folder_soon_and_the_next_call_goes_on(at_student, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    for index in range(3):
        picture(album / f"{index}.png", size=(2000, 2000), seed=index)
    words = (str(album), "-o", str(out), *ENGINE)
    process = at_student.start("pipeline.enhance", *words)
    until(lambda: process.poll() is not None or (out / MANIFEST).exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "run again to resume" in said
    assert "enhanced_bytes" not in (out / MANIFEST).read_text()  # the picture at hand was not waited for
    assert not list(out.glob(".*.part"))


def test_what_is_finished_is_skipped_by_content_and_means(album, tmp_path):
    out = tmp_path / "out"
    (album / "broken.png").unlink()
    (album / "notes.txt").unlink()
    call = [str(album), "-o", str(out), *ENGINE]
    assert main(call) == 0
    (out / "d.tif").unlink()
    picture(album / "a.png", seed=9)  # another content under the same name
    with (out / MANIFEST).open("a") as manifest:
        manifest.write('\n{"file": "deep/c.w')  # a line that a kill cut off
    assert main(call) == 0
    states = {name: row["status"] for name, row in rows(out).items()}
    assert states == {"a.png": "done", "d.tif": "done", "deep/c.webp": "skipped", "deep/down/b.jpg": "skipped"}
    assert main([*call, "--quality", "60"]) == 0  # other means
    assert {row["status"] for row in rows(out).values()} == {"done"}
    assert main([*call, "--quality", "60"]) == 0
    assert {row["status"] for row in rows(out).values()} == {"skipped"}


def test_an_output_inside_the_input_is_no_input_and_foreign_files_stay(album, capsys):
    out = album / "out"
    (album / "broken.png").unlink()
    foreign = picture(out / "a.png", seed=5).read_bytes()
    assert main([str(album), "-o", str(out), *ENGINE]) == 1
    assert "was not written by sharpcam" in capsys.readouterr().err
    assert (out / "a.png").read_bytes() == foreign
    assert set(rows(out)) == {"a.png", "d.tif", "deep/c.webp", "deep/down/b.jpg", "notes.txt"}
    assert main([str(album), "-o", str(album), *ENGINE]) == 1
    assert "no input is ever overwritten" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(album, tmp_path, capsys):
    before = tree(tmp_path)
    assert main([str(album), "-o", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "5 files; nothing was written" in capsys.readouterr().out
    assert tree(tmp_path) == before


def test_a_killed_folder_goes_on_where_it_stopped(at_student, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    for index in range(12):
        picture(album / f"{index:02d}.png", size=(150, 200), seed=index)
    words = (str(album), "-o", str(out), *ENGINE)
    process = at_student.start("pipeline.enhance", *words)
    until(lambda: process.poll() is not None or len(list(out.glob("*.png"))) >= 2)
    kill(process)
    done = (out / MANIFEST).read_text().count("enhanced_bytes")
    assert main(list(words)) == 0
    states = [row["status"] for row in rows(out).values()]
    assert states.count("skipped") == done
    assert len(states) == 12
    assert not [file for file in out.iterdir() if file.name.endswith(".part")]
    assert main([str(album), "-o", str(tmp_path / "unbroken"), *ENGINE]) == 0
    for index in range(12):
        name = f"{index:02d}.png"
        assert (out / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_a_full_disk_leaves_no_half_file(name, at_student, tmp_path):
    """A limit on the size of files stands for it: the system refuses in the same way."""
    picture(tmp_path / name, size=(200, 200))
    out = tmp_path / "out"
    process = subprocess.run(
        [sys.executable, "-m", "pipeline.enhance", str(tmp_path / name), "-o", str(out / name), *ENGINE],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert f"Could not write {out / name}: a file may not grow that large here" in process.stderr
    assert "Traceback" not in process.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("other", ["bicubic", "lanczos", "student_sr", "teacher"])
def test_a_comparison_is_a_picture_in_a_row_and_a_table(other, tmp_path, capsys):
    file = picture(tmp_path / "a.png", size=(60, 80))
    assert main([str(file), "-o", str(tmp_path / "b.png"), "--compare", other, *ENGINE]) == 0
    made = read_picture(tmp_path / "b.png")
    assert made.size == ((2 * 160, 128) if other == "teacher" else (2 * 160, 120))
    with (tmp_path / "b.png.compare.csv").open(newline="") as table:
        found = {row["method"]: row for row in csv.DictReader(table)}
    assert set(found) == {other, "student"}
    assert float(found["student"]["ms"]) > 0
    assert float(found["student"]["back_psnr"]) > 10
    assert float(found["student"]["psnr"]) == 100 if other == "student_sr" else float(found["student"]["psnr"]) < 99
    assert f"to {other}" in capsys.readouterr().out


def test_a_comparison_of_a_folder_is_one_table_of_all_that_could_be_read(album, tmp_path):
    make_video(album / "e.mkv", [photo(20, 30, seed=seed) for seed in range(3)])
    call = [str(album), "-o", str(tmp_path / "out"), "--compare", "bicubic", "--preset", "fast", "--jobs", "2"]
    assert main(call) == 1  # broken.png
    with (tmp_path / "out/compare.csv").open(newline="") as table:
        found = list(csv.DictReader(table))
    assert [row["pictures"] for row in found] == ["7", "7"]  # four pictures, a video of three


def test_the_table_of_a_folder_is_of_all_its_files_whichever_call_they_were_done_in(tmp_path):
    call = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--compare", "bicubic", *ENGINE]
    for count in ("2", "3", "3"):
        picture(tmp_path / f"in/{count}.png", seed=int(count))
        make_video(tmp_path / "in/v.mkv", [photo(20, 30)])
        assert main(call) == 0
        with (tmp_path / "out/compare.csv").open(newline="") as table:
            assert [row["pictures"] for row in csv.DictReader(table)] == [count, count]


@pytest.mark.slow
def test_many_mixed_pictures_stay_within_two_gigabytes(at_student, tmp_path):
    album = tmp_path / "album"
    sizes = [(1, 1), (4000, 6000), (1, 900), (333, 221)] + [(8 + 3 * index, 5 + 4 * index) for index in range(196)]
    for index, size in enumerate(sizes):
        suffix = (".jpg", ".png", ".webp", ".tif")[index % 4]
        largest = size == (4000, 6000)  # with all that a PNG can hold
        kind = np.uint16 if largest or (suffix in (".png", ".tif") and index % 3 == 0) else np.uint8
        colour = np.tile(photo(400, 600), (10, 10, 1)) if largest else photo(*size, seed=index)
        colour = colour.astype(kind) * (np.iinfo(kind).max // 255)
        alpha = colour[..., 1].copy() if largest else None
        write_picture(album / f"{index:03d}{suffix}", Picture(colour, alpha))
    for index in range(5):
        (album / f"broken-{index}.png").write_bytes(bytes(100 * index))
    status, said, highest_kib = measured_call(str(album), "-o", str(tmp_path / "out"), "--jobs", "2")
    assert status == 1
    assert "5 of 205 files failed" in said
    assert highest_kib < 2_000_000


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_comparison_of_a_large_picture_stays_within_two_gigabytes(suffix, tmp_path):
    colour = np.tile(photo(400, 600), (10, 10, 1)).astype(np.uint16) * 257
    alpha = None if suffix == ".jpg" else colour[..., 1].copy()
    write_picture(tmp_path / f"a{suffix}", Picture(colour, alpha))
    words = (str(tmp_path / f"a{suffix}"), "-o", str(tmp_path / f"b{suffix}"), "--compare", "bicubic", *ENGINE)
    status, said, highest_kib = measured_call(*words)
    assert status == 0, said
    assert picture_size(tmp_path / f"b{suffix}", megapixels=200) == (24_000, 8000)
    assert highest_kib < 2_000_000


def measured_call(*words: str) -> tuple[int, str, int]:
    """The command's status, what it says of failures, and the most memory it held, KiB."""
    code = (
        "import sys; from pathlib import Path; from pipeline.enhance.run import main; status = main(sys.argv[1:]);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]); sys.exit(status)"
    )  # ru_maxrss would be that of this process, which forks it
    process = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    return process.returncode, process.stderr, int(process.stdout.split()[-1])
