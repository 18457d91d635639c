"""The command on pictures and folders: what is asked for is there whole, and no input is ever touched."""

import csv
import struct
import subprocess
import sys

import numpy as np
import pytest
from albums import ENGINE, picture
from making import Project, make_video, photo
from PIL import Image

from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.read import picture_size, read_picture
from pipeline.enhance.images.write import write_picture
from pipeline.enhance.run import main


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
        (["params.yaml", "-o", "x.png"], "is not a picture that can be read"),
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
