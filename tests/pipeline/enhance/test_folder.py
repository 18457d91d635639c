"""The command on folders: every file is enhanced or has its reason, and what was finished is not done again."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from albums import ENGINE, picture, rows
from making import PATIENCE_S, kill, make_video, photo, tree, until
from PIL import Image

from pipeline.enhance.images.read import read_picture
from pipeline.enhance.names import MANIFEST, REPORT
from pipeline.enhance.run import main

pytestmark = pytest.mark.usefixtures("at_student")


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
